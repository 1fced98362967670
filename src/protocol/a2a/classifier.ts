import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { clientMessage, type RequestId } from '../json-rpc.ts';
import { isObject, isPlainJson, parseJson } from '../json.ts';
import type { MessageSource } from '../message.ts';
import type { Classifier, Operation, RequestHead } from '../operation.ts';
import { destinationsReached, type Reach } from '../reached.ts';
import { tellByHttp, tellByRpc } from './refusal.ts';
import { card, methodAt, methodNamed, type A2aMethod } from './methods.ts';

const largestBodyBytes = 16 * 1024 * 1024;
const none: Readonly<Record<string, string>> = Object.freeze({});
const mediaType = /^application\/(?:a2a\+)?json *(?:;|$)/i;

/**
 * Names what calls to other agents do (A2A 1.0 and 0.3; JSON-RPC at the endpoint, HTTP+JSON below it, agent cards). Where another agent is to notify
 * somebody, the URL must be of a destination of the task's intent, and it counts as `set_push_notification` too.
 */
export function createA2aClassifier(resolve: Reach['resolve']): Classifier {
  async function rpc(head: RequestHead, source: MessageSource): Promise<Operation | Refusal> {
    const body = await bodyOf(head, source);
    if (isRefusal(body)) return body;
    const message = clientMessage(body.value);
    if (message === undefined || message.kind === 'response') return refuse('message_unreadable');
    const method = methodNamed(message.method);
    if (method === undefined) return refuse('protocol_refused');
    return operationOf(method, { head, source, params: message.params, id: message.id });
  }

  async function http(head: RequestHead, method: A2aMethod, source: MessageSource): Promise<Operation | Refusal> {
    const body = head.method === 'POST' ? await bodyOf(head, source) : { value: {} };
    if (isRefusal(body)) return body;
    return isObject(body.value) ? operationOf(method, { head, source, params: body.value, id: undefined }) : refuse('message_unreadable');
  }

  function operationOf(
    method: A2aMethod,
    {
      head,
      source,
      params,
      id,
    }: { readonly head: RequestHead; readonly source: MessageSource; readonly params: JsonObject; readonly id: RequestId | undefined },
  ): Operation {
    const urls = pushUrls(params, method.action === 'set_push_notification');
    const reached = destinationsReached(urls, { task: source.task, resolve });
    const notifies = isRefusal(reached) ? [] : reached;
    const { action, streaming = false } = method;
    const operation: Operation = {
      action,
      group: action,
      method: head.method,
      resource: method.method,
      templated: false,
      parameters: none,
      a2a: { method: method.method, streaming, notifies },
      message: { refusal: (refusal, callId) => (id === undefined ? tellByHttp(refusal, callId) : tellByRpc(refusal, { id, callId })) },
    };
    if (isRefusal(reached)) return { ...operation, barred: reached };
    if (urls.length === 0 || action === 'set_push_notification') return operation;
    return { ...operation, also: [{ ...operation, action: 'set_push_notification', group: 'set_push_notification' }] };
  }

  return {
    classify(head, source) {
      const { method, target } = head;
      if (head.websocket === true || method === 'CONNECT') return undefined;
      if (source === undefined) return refuse('message_unreadable');
      if (method === 'GET' && /^(?:\/[^/]+)*\/\.well-known\/agent(?:-card)?\.json$/.test(target.path)) return http(head, card, source);
      const base = target.destination.a2a?.path ?? '/';
      if (method === 'POST' && target.path === base) return rpc(head, source);
      const below = base === '/' ? target.path : target.path.startsWith(`${base}/`) ? target.path.slice(base.length) : '';
      const found = methodAt(method, below);
      return found === undefined ? refuse('protocol_refused') : http(head, found, source);
    },
    // No message was read, and so no id.
    refusal: ({ path, destination }, refusal, callId) =>
      path === (destination.a2a?.path ?? '/') ? tellByRpc(refusal, { id: null, callId }) : tellByHttp(refusal, callId),
  };
}

async function bodyOf({ target }: RequestHead, source: MessageSource): Promise<{ readonly value: JsonValue | undefined } | Refusal> {
  const bytes = await source.read(target.destination.bodyLimitBytes ?? largestBodyBytes);
  if (isRefusal(bytes)) return bytes;
  const value = bytes.length === 0 ? {} : isPlainJson(source.headers, mediaType) ? parseJson(bytes) : undefined;
  return value === undefined ? refuse('message_unreadable') : { value };
}

/** Where another agent is to send notifications: in the settings of a message, or as what the method sets. What parts of a message say is content. */
function pushUrls(params: JsonObject, sets: boolean): string[] {
  const urls: string[] = [];
  const visit = (value: JsonValue, inConfig: boolean): void => {
    if (Array.isArray(value)) for (const each of value as readonly JsonValue[]) visit(each, inConfig);
    if (!isObject(value)) return;
    for (const [name, inside] of Object.entries(value)) {
      if (name === 'message' || name === 'metadata') continue;
      if (name.toLowerCase() === 'url' && inConfig) urls.push(typeof inside === 'string' ? inside : '');
      visit(inside, inConfig || /push_?notification/iu.test(name));
    }
  };
  visit(params, sets);
  return urls;
}
