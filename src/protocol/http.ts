import type { Destination } from '../destination.ts';
import { takesWebSockets, type ActionGroup, type Operation, type RequestHead } from './operation.ts';
import { mintsAccess } from './mint.ts';
import { tunnelOperation } from './tunnel.ts';

interface Template {
  readonly text: string;
  /** A literal, or the name of the parameter that stands there. */
  readonly segments: readonly { readonly literal: string | undefined; readonly parameter: string }[];
  /** Operations of templates without parameters are the same object every time. */
  readonly constants: Map<string, Operation>;
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);
const none: Readonly<Record<string, string>> = Object.freeze({});

/** Classifies plain HTTP: the group by method and mint table, the resource by the destination's path templates. */
export function createHttpClassifier(destinations: readonly Destination[]): { classify(head: RequestHead): Operation | undefined } {
  const templates = new Map(destinations.map((destination) => [destination.name, compile(destination.operations)]));
  return {
    classify(head: RequestHead): Operation | undefined {
      const { method, target } = head;
      if (method === 'CONNECT') return tunnelOperation(target);
      if (head.websocket === true && !takesWebSockets[target.destination.protocol]) return undefined;
      const group = groupOf(head);
      const ofLength = templates.get(target.destination.name);
      if (ofLength === undefined || ofLength.size === 0)
        return { action: method, group, resource: target.path, templated: false, parameters: none };
      const segments = target.path.slice(1).split('/');
      for (const template of ofLength.get(segments.length) ?? []) {
        const operation = match(template, segments, { method, group });
        if (operation !== undefined) return operation;
      }
      return { action: method, group, resource: target.path, templated: false, parameters: none };
    },
  };
}

function groupOf({ method, target, websocket }: RequestHead): ActionGroup {
  if (mintsAccess(method, target)) return 'mint';
  if (websocket === true) return 'websocket';
  return reading.has(method) ? 'read' : 'write';
}

/** By number of segments; literal segments before parameters, so that the narrowest template wins. */
function compile(texts: readonly string[]): ReadonlyMap<number, readonly Template[]> {
  const byLength = new Map<number, Template[]>();
  for (const text of texts) {
    const segments = text
      .slice(1)
      .split('/')
      .map((segment) => {
        const parameter = /^\{(.+)\}$/.exec(segment)?.[1];
        return { literal: parameter === undefined ? segment : undefined, parameter: parameter ?? '' };
      });
    const list = byLength.get(segments.length) ?? [];
    list.push({ text, segments, constants: new Map() });
    byLength.set(segments.length, list);
  }
  const shape = (template: Template) => template.segments.map(({ literal }) => (literal === undefined ? '1' : '0')).join('');
  for (const list of byLength.values()) list.sort((a, b) => (shape(a) < shape(b) ? -1 : 1));
  return byLength;
}

function match(template: Template, path: readonly string[], call: { method: string; group: ActionGroup }): Operation | undefined {
  let parameters: Record<string, string> | undefined;
  for (let i = 0; i < path.length; i += 1) {
    const segment = path[i] ?? '';
    const expected = template.segments[i];
    if (expected === undefined) return undefined;
    if (expected.literal === undefined) {
      if (segment === '') return undefined;
      parameters ??= {};
      parameters[expected.parameter] = segment.includes('%') ? decodeURIComponent(segment) : segment;
    } else if (expected.literal !== segment) return undefined;
  }
  const { method: action, group } = call;
  if (parameters !== undefined) return { action, group, resource: template.text, templated: true, parameters };
  const key = `${group} ${action}`;
  const known = template.constants.get(key) ?? { action, group, resource: template.text, templated: true, parameters: none };
  if (template.constants.size < 16) template.constants.set(key, known);
  return known;
}
