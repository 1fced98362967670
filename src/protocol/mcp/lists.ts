import type { Target } from '../../destination.ts';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { AnswerContext } from '../message.ts';
import type { MessageAction, Operation } from '../operation.ts';
import { definitionDigest, type ToolDefinitions } from './definitions.ts';
import { isName, type Era } from './methods.ts';

interface Kind {
  /** The list's member in the result. */
  readonly member: string;
  readonly name: string;
  readonly action: MessageAction;
  readonly uses: string;
}

const kinds: ReadonlyMap<string, Kind> = new Map([
  ['tools/list', { member: 'tools', name: 'name', action: 'call_tool', uses: 'tools/call' }],
  ['prompts/list', { member: 'prompts', name: 'name', action: 'get_prompt', uses: 'prompts/get' }],
  ['resources/list', { member: 'resources', name: 'uri', action: 'read_resource', uses: 'resources/read' }],
  ['resources/templates/list', { member: 'resourceTemplates', name: 'uriTemplate', action: 'read_resource', uses: 'resources/read' }],
]);

export function isList(method: string): boolean {
  return kinds.has(method);
}

export interface ListOptions {
  readonly method: string;
  readonly era: Era;
  readonly target: Target;
  readonly definitions: ToolDefinitions;
  readonly context: AnswerContext;
}

/** The same message with only what the task may use in its list; undefined: it is no answer of that kind. A message that is none of the result's passes. */
export async function filtered(message: JsonValue, options: ListOptions): Promise<JsonValue | undefined> {
  const kind = kinds.get(options.method);
  if (kind === undefined || !isObject(message)) return undefined;
  const { result } = message;
  if (result === undefined) return message;
  const entries = isObject(result) ? result[kind.member] : undefined;
  if (!isObject(result) || !Array.isArray(entries) || !entries.every(isObject)) return undefined;
  const sound = soundOnes(entries, kind, options);
  const allowed = await options.context.may(sound.map(({ name }) => operationOf(name, kind, options)));
  const kept = sound.filter((_, index) => allowed[index] === true).map(({ entry }) => entry);
  return { ...message, result: { ...result, [kind.member]: kept, ...privacyOf(result, options) } };
}

interface Entry {
  readonly name: string;
  readonly entry: JsonObject;
}

/** Without names that stand twice, also but for case and kind of letter, and tools whose changed definition bars them. */
function soundOnes(entries: readonly JsonObject[], kind: Kind, { method, target, definitions, context }: ListOptions): Entry[] {
  const { destination } = target;
  const taken = new Set<string>();
  const sound: Entry[] = [];
  for (const entry of entries) {
    const name = entry[kind.name];
    if (!isName(name)) continue;
    const tell = (what: string): void =>
      context.tell({ kind: 'tool.changed', task: context.task.id, call: context.callId, destination: destination.name, tool: name, what });
    const folded = name.normalize('NFKC').toLowerCase();
    if (taken.has(folded)) {
      tell('another has the same name, or one that looks like it; this one was left out');
      continue;
    }
    taken.add(folded);
    if (method === 'tools/list') {
      const verdict = definitions.seen(destination, name, definitionDigest(entry));
      if (verdict === 'changed') tell('its definition is not the one that was reviewed or first seen');
      if (definitions.barred(destination, name)) continue;
      if (destination.tools !== undefined && !destination.tools.has(name)) continue;
    }
    sound.push({ name, entry });
  }
  definitions.save(destination);
  return sound;
}

function operationOf(name: string, { action, uses }: Kind, { target: { destination } }: ListOptions): Operation {
  const templated = action === 'call_tool' && destination.tools?.has(name) === true;
  return { action, group: action, method: 'POST', resource: name, templated, parameters: {}, mcp: { method: uses, name, opaque: false } };
}

/** A filtered list is nobody else's, and no truer than its task is long. */
function privacyOf({ ttlMs }: JsonObject, { era, context }: ListOptions): JsonObject {
  if (era === 'legacy') return {};
  const left = Math.max(0, context.task.expiresAt - Date.now());
  return { cacheScope: 'private', ...(typeof ttlMs === 'number' ? { ttlMs: Math.min(ttlMs, left) } : {}) };
}
