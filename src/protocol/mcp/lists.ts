import type { Target } from '../../destination.ts';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { RequestId } from '../json-rpc.ts';
import type { AnswerContext } from '../message.ts';
import type { MessageAction, Operation } from '../operation.ts';
import { definitionDigest, type ToolDefinitions } from './definitions.ts';
import { looksOf } from './looks.ts';
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

/** Each is a question to policy. */
const mostEntries = 20_000;
/** Events that one answer makes, whatever it changes. */
const mostTold = 10;

export function isList(method: string): boolean {
  return kinds.has(method);
}

export interface ListOptions {
  readonly era: Era;
  readonly target: Target;
  readonly definitions: ToolDefinitions;
  readonly context: AnswerContext;
}

/** A message with a list in it. */
export interface List {
  readonly kind: Kind;
  readonly message: JsonObject;
  readonly result: JsonObject;
  readonly entries: readonly JsonObject[];
}

/** What an answer is to. */
export interface Asked {
  readonly method: string;
  /** undefined: it is to no request, but a stream of the session. */
  readonly id: RequestId | undefined;
}

/**
 * The list in a message from the server: the one that was asked for; in the answer to another request whichever it holds, since streams may be
 * resumed elsewhere, and clients go by the id alone. undefined: none. Throws where what was asked for is no list, or where there are two.
 */
export function listIn(message: JsonObject, asked: Asked): List | undefined {
  const { id, result } = message;
  if (result === undefined) return undefined;
  const isAnswer = asked.id !== undefined && id === asked.id;
  const [kind, another] = isAnswer ? [kinds.get(asked.method)] : kindsIn(result);
  if (kind === undefined) return undefined;
  if (another !== undefined) throw new TypeError('two lists');
  const entries = isObject(result) ? result[kind.member] : undefined;
  if (!isObject(result) || !Array.isArray(entries) || entries.length > mostEntries || !entries.every(isObject))
    throw new TypeError('no list');
  return { kind, message, result, entries };
}

function kindsIn(result: JsonValue): readonly Kind[] {
  return isObject(result) ? [...kinds.values()].filter(({ member }) => Object.hasOwn(result, member)) : [];
}

/** The message with only what the task may use in its list. */
export async function filtered(list: List, options: ListOptions): Promise<JsonValue> {
  const { kind, message, result } = list;
  const sound = soundOnes(list, options);
  const allowed = await options.context.may(sound.map(({ name }) => operationOf(name, kind, options)));
  const kept = sound.filter((_, index) => allowed[index] === true).map(({ entry }) => entry);
  return { ...message, result: { ...result, [kind.member]: kept, ...privacyOf(result, options) } };
}

interface Entry {
  readonly name: string;
  readonly entry: JsonObject;
}

/** Without names that stand twice, and tools that look like another, or whose changed definition bars them. */
function soundOnes({ kind, entries }: List, { target, definitions, context }: ListOptions): Entry[] {
  const { destination } = target;
  const areTools = kind.action === 'call_tool';
  const taken = new Set<string>();
  const sound: Entry[] = [];
  const changes: Change[] = [];
  for (const entry of entries) {
    const name = entry[kind.name];
    if (!isName(name)) continue;
    const looks = areTools ? looksOf(name) : name;
    if (taken.has(looks)) {
      if (areTools) changes.push({ tool: name, what: 'another has the same name, or one that looks like it; this one was left out' });
      continue;
    }
    taken.add(looks);
    if (areTools) {
      const verdict = definitions.seen(destination, name, definitionDigest(entry));
      if (verdict === 'changed') changes.push({ tool: name, what: 'its definition is not the one that was reviewed or first seen' });
      if (definitions.barred(destination, name)) continue;
      if (destination.tools !== undefined && !destination.tools.has(name)) continue;
    }
    sound.push({ name, entry });
  }
  if (areTools) definitions.save(destination);
  tell(changes, destination.name, context);
  return sound;
}

interface Change {
  readonly tool: string;
  readonly what: string;
}

function tell(changes: readonly Change[], destination: string, context: AnswerContext): void {
  const rest = changes.length - mostTold;
  const all = rest > 0 ? [...changes.slice(0, mostTold), { tool: '', what: `${rest} more like these` }] : changes;
  for (const change of all) context.tell({ kind: 'tool.changed', task: context.task.id, call: context.callId, destination, ...change });
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
