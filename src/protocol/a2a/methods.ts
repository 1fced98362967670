import type { MessageAction } from '../operation.ts';

export interface A2aMethod {
  /** In the names of A2A 1.0. */
  readonly method: string;
  readonly action: MessageAction;
  readonly streaming?: true;
}

const send: A2aMethod = { method: 'SendMessage', action: 'send_message' };
const stream: A2aMethod = { method: 'SendStreamingMessage', action: 'send_message', streaming: true };
const get: A2aMethod = { method: 'GetTask', action: 'get_task' };
const list: A2aMethod = { method: 'ListTasks', action: 'get_task' };
const cancel: A2aMethod = { method: 'CancelTask', action: 'cancel_task' };
const subscribe: A2aMethod = { method: 'SubscribeToTask', action: 'get_task', streaming: true };
const setPush: A2aMethod = { method: 'CreateTaskPushNotificationConfig', action: 'set_push_notification' };
const getPush: A2aMethod = { method: 'GetTaskPushNotificationConfig', action: 'get_task' };
const listPush: A2aMethod = { method: 'ListTaskPushNotificationConfigs', action: 'get_task' };
const deletePush: A2aMethod = { method: 'DeleteTaskPushNotificationConfig', action: 'set_push_notification' };
const extendedCard: A2aMethod = { method: 'GetExtendedAgentCard', action: 'get_agent_card' };
export const card: A2aMethod = { method: 'GetAgentCard', action: 'get_agent_card' };

/** By the names of 1.0 and of 0.3; what is not here does not pass. */
const byName: ReadonlyMap<string, A2aMethod> = new Map([
  ...[send, stream, get, list, cancel, subscribe, setPush, getPush, listPush, deletePush, extendedCard].map(
    (each) => [each.method, each] as const,
  ),
  ['ListTaskPushNotificationConfig', listPush],
  ['message/send', send],
  ['message/stream', stream],
  ['tasks/get', get],
  ['tasks/list', list],
  ['tasks/cancel', cancel],
  ['tasks/resubscribe', subscribe],
  ['tasks/pushNotificationConfig/set', setPush],
  ['tasks/pushNotificationConfig/get', getPush],
  ['tasks/pushNotificationConfig/list', listPush],
  ['tasks/pushNotificationConfig/delete', deletePush],
  ['agent/getAuthenticatedExtendedCard', extendedCard],
]);

export function methodNamed(name: string): A2aMethod | undefined {
  return byName.get(name);
}

const id = '[^/:]+';
const push = `/tasks/${id}/pushNotificationConfigs`;
/** The HTTP+JSON binding; 0.3 has `/v1` before each path. */
const byPath: readonly (readonly [verb: string, path: RegExp, method: A2aMethod])[] = [
  ['POST', /^\/message:send$/, send],
  ['POST', /^\/message:stream$/, stream],
  ['GET', /^\/tasks$/, list],
  ['GET', new RegExp(`^/tasks/${id}$`), get],
  ['POST', new RegExp(`^/tasks/${id}:cancel$`), cancel],
  ['POST', new RegExp(`^/tasks/${id}:subscribe$`), subscribe],
  ['GET', new RegExp(`^/tasks/${id}:subscribe$`), subscribe],
  ['POST', new RegExp(`^${push}$`), setPush],
  ['GET', new RegExp(`^${push}$`), listPush],
  ['GET', new RegExp(`^${push}/${id}$`), getPush],
  ['DELETE', new RegExp(`^${push}/${id}$`), deletePush],
  ['GET', /^\/(?:extendedAgentCard|card)$/, extendedCard],
];

/** `path` below the endpoint's. */
export function methodAt(verb: string, path: string): A2aMethod | undefined {
  const plain = path.replace(/^\/v1(?=\/)/, '');
  return byPath.find(([of, form]) => of === verb && form.test(plain))?.[2];
}
