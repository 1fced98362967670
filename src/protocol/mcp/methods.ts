import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { MessageAction } from '../operation.ts';

export type Era = 'modern' | 'legacy';

/** What one method does. */
export interface Method {
  readonly action: MessageAction;
  readonly eras: readonly Era[];
  /** The member of `params` that names the tool, prompt or resource; the resource of the operation. */
  readonly name?: string;
  /** Policy sees the method itself as the resource. */
  readonly notification?: true;
  /** Uses a handle that the server gave to this task alone. */
  readonly handle?: string;
}

const both: readonly Era[] = ['modern', 'legacy'];

/** All that passes; a method that is not here is refused. `completion/complete` and `subscriptions/listen` are read by what they point at. */
const methods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['server/discover', { action: 'initialize', eras: ['modern'] }],
  ['initialize', { action: 'initialize', eras: ['legacy'] }],
  ['ping', { action: 'initialize', eras: ['legacy'] }],
  ['logging/setLevel', { action: 'initialize', eras: ['legacy'] }],
  ['notifications/initialized', { action: 'initialize', eras: ['legacy'], notification: true }],
  ['notifications/roots/list_changed', { action: 'initialize', eras: ['legacy'], notification: true }],
  ['notifications/cancelled', { action: 'initialize', eras: both, notification: true }],
  ['notifications/progress', { action: 'initialize', eras: both, notification: true }],
  ['subscriptions/listen', { action: 'initialize', eras: ['modern'] }],
  ['tools/list', { action: 'list_tools', eras: both }],
  ['tools/call', { action: 'call_tool', eras: both, name: 'name' }],
  ['resources/list', { action: 'list_resources', eras: both }],
  ['resources/templates/list', { action: 'list_resources', eras: both }],
  ['resources/read', { action: 'read_resource', eras: both, name: 'uri' }],
  ['resources/subscribe', { action: 'read_resource', eras: ['legacy'], name: 'uri' }],
  ['resources/unsubscribe', { action: 'read_resource', eras: ['legacy'], name: 'uri' }],
  ['prompts/list', { action: 'list_prompts', eras: both }],
  ['prompts/get', { action: 'get_prompt', eras: both, name: 'name' }],
  ['tasks/get', { action: 'initialize', eras: both, handle: 'taskId' }],
  ['tasks/result', { action: 'initialize', eras: ['legacy'], handle: 'taskId' }],
  ['tasks/cancel', { action: 'initialize', eras: both, handle: 'taskId' }],
]);

export function methodOf(name: string, era: Era): Method | undefined {
  const method = methods.get(name);
  return method?.eras.includes(era) === true ? method : undefined;
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

/** The resources that a subscription names; undefined: it cannot be read. */
export function listenedResources(params: JsonObject): readonly string[] | undefined {
  const filters = isObject(params['notifications']) ? params['notifications'] : params;
  const uris = filters['resourceSubscriptions'];
  if (uris === undefined || uris === null) return [];
  if (!Array.isArray(uris)) return undefined;
  const named = (uris as readonly JsonValue[]).map((each) => (isObject(each) ? each['uri'] : each));
  return named.every(isName) ? named : undefined;
}

/** `elicitation/create`, `sampling/createMessage` and `roots/list`, as policy names what is answered. */
export function askedFor(method: string): string {
  return method.slice(0, method.indexOf('/')) || method;
}

export function isName(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 4096;
}
