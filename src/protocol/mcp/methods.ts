import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { MessageAction } from '../operation.ts';

export type Era = 'modern' | 'legacy';

/** What one method does. */
export interface Method {
  readonly action: MessageAction;
  readonly eras: readonly Era[];
  /** The member of `params` that names the tool, prompt or resource; the resource of the operation. */
  readonly name?: 'name' | 'uri';
  /** Uses a task of the server, which it gave to this task alone. */
  readonly ofTask?: true;
  /** May bring what the server has asked for. */
  readonly brings?: true;
}

const both: readonly Era[] = ['modern', 'legacy'];

/** All that passes; a method that is not here is refused. `completion/complete` and `subscriptions/listen` are read by what they point at. */
const methods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['server/discover', { action: 'initialize', eras: ['modern'] }],
  ['initialize', { action: 'initialize', eras: ['legacy'] }],
  ['ping', { action: 'initialize', eras: ['legacy'] }],
  ['logging/setLevel', { action: 'initialize', eras: ['legacy'] }],
  ['notifications/initialized', { action: 'initialize', eras: ['legacy'] }],
  ['notifications/roots/list_changed', { action: 'initialize', eras: ['legacy'] }],
  ['notifications/cancelled', { action: 'initialize', eras: both }],
  ['notifications/progress', { action: 'initialize', eras: both }],
  ['subscriptions/listen', { action: 'initialize', eras: ['modern'] }],
  ['completion/complete', { action: 'get_prompt', eras: both }],
  ['tools/list', { action: 'list_tools', eras: both }],
  ['tools/call', { action: 'call_tool', eras: both, name: 'name', brings: true }],
  ['resources/list', { action: 'list_resources', eras: both }],
  ['resources/templates/list', { action: 'list_resources', eras: both }],
  ['resources/read', { action: 'read_resource', eras: both, name: 'uri', brings: true }],
  ['resources/subscribe', { action: 'read_resource', eras: ['legacy'], name: 'uri' }],
  ['resources/unsubscribe', { action: 'read_resource', eras: ['legacy'], name: 'uri' }],
  ['prompts/list', { action: 'list_prompts', eras: both }],
  ['prompts/get', { action: 'get_prompt', eras: both, name: 'name', brings: true }],
  ['tasks/get', { action: 'initialize', eras: both, ofTask: true }],
  ['tasks/result', { action: 'initialize', eras: ['legacy'], ofTask: true }],
  ['tasks/update', { action: 'initialize', eras: ['modern'], ofTask: true, brings: true }],
  ['tasks/cancel', { action: 'initialize', eras: both, ofTask: true }],
]);

export function methodOf(name: string, era: Era): Method | undefined {
  const method = methods.get(name);
  return method?.eras.includes(era) === true ? method : undefined;
}

/** What `Mcp-Name` mirrors; undefined: nothing. `required`: it must stand there (of tasks, only their extension says so). */
export function mirroredName(name: string, params: JsonObject): { readonly value: string; readonly required: boolean } | undefined {
  const method = methods.get(name);
  const value = method?.name !== undefined ? params[method.name] : method?.ofTask === true ? params['taskId'] : undefined;
  return isName(value) ? { value, required: method?.ofTask !== true } : undefined;
}

/** What a completion is for; undefined: neither a prompt nor a resource. */
export function completionOf(params: JsonObject): { readonly action: MessageAction; readonly name: string } | undefined {
  const ref = params['ref'];
  if (!isObject(ref)) return undefined;
  const { type, name, uri } = ref;
  if (type === 'ref/prompt' && isName(name)) return { action: 'get_prompt', name };
  if (type === 'ref/resource' && isName(uri)) return { action: 'read_resource', name: uri };
  return undefined;
}

/** What a subscription is to: resources, and tasks of the server. */
interface Listened {
  readonly uris: readonly string[];
  readonly taskIds: readonly string[];
}

const flags: ReadonlySet<string> = new Set(['toolsListChanged', 'promptsListChanged', 'resourcesListChanged']);
const namesOf: Readonly<Record<string, keyof Listened>> = { resourceSubscriptions: 'uris', taskIds: 'taskIds', tasksStatus: 'taskIds' };

/** Each is a question to policy. */
const mostListened = 200;

/** undefined: it cannot be read, or is to something else, or to more than can be decided at once. */
export function listened({ notifications, ...others }: JsonObject): Listened | undefined {
  if (!isObject(notifications) || !Object.keys(others).every((name) => name === '_meta')) return undefined;
  const found = { uris: [] as string[], taskIds: [] as string[] };
  for (const [filter, value] of Object.entries(notifications)) {
    if (value === null || (typeof value === 'boolean' && flags.has(filter))) continue;
    const kind = Object.hasOwn(namesOf, filter) ? namesOf[filter] : undefined;
    if (kind === undefined || !areNames(value)) return undefined;
    found[kind].push(...value);
  }
  return found.uris.length > mostListened || found.taskIds.length > mostListened ? undefined : found;
}

function areNames(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every(isName);
}

/** `elicitation/create`, `sampling/createMessage` and `roots/list`, as policy names what is answered. */
export function askedFor(method: string): string {
  return method.split('/', 1)[0] ?? method;
}

export function isName(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 4096;
}
