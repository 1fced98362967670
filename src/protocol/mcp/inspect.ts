import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { Asks, McpMemory } from './memory.ts';
import { isName } from './methods.ts';

/** Whose answer is looked at. */
export interface Listener {
  readonly destination: string;
  readonly task: string;
  /** The legacy session, else the task: what the server asks is answered there. */
  readonly on: string;
  /** Method and name of what is answered: a call that waits for input goes on as the same call. */
  readonly call: string;
}

/** Bytes without any of these hold nothing that has to be remembered or filtered. */
const words = ['method', 'inputRequests', 'requestState', 'taskId', 'tools', 'prompts', 'resources', 'resourceTemplates'];
const telltales = [...words.map((word) => Buffer.from(`"${word}"`)), Buffer.from('\\u')];

export function isWorthReading(bytes: Buffer): boolean {
  return telltales.some((word) => bytes.includes(word));
}

/** Remembers of a message from the server what later ones of the agent refer to. */
export function remember(message: JsonObject, memory: McpMemory, { destination, task, on, call }: Listener): void {
  const { id, method, params, result } = message;
  if (isName(method) && (isName(id) || typeof id === 'number')) memory.asked(destination, on, { id: JSON.stringify(id), method });
  // Of a task that is listened to, a notification says what an answer would.
  const told =
    method === undefined ? result : id === undefined && isName(method) && method.startsWith('notifications/tasks') ? params : null;
  if (!isObject(told)) return;
  const taskIds = [told['taskId'], isObject(told['task']) ? told['task']['taskId'] : undefined].filter(isName);
  for (const taskId of taskIds) memory.gave(destination, { task, name: taskHandle(taskId) }, asksIn(told));
  const { inputRequests, requestState } = told;
  if (taskIds.length > 0 || (inputRequests === undefined && requestState === undefined)) return;
  memory.gave(destination, { task, name: stateHandle(call, typeof requestState === 'string' ? requestState : undefined) }, asksIn(told));
}

/** In one answer: what comes beyond can not be answered. */
const mostAsked = 100;

function asksIn({ inputRequests }: JsonObject): Asks | undefined {
  if (!isObject(inputRequests)) return undefined;
  const requests = Object.entries(inputRequests).slice(0, mostAsked);
  return new Map(requests.filter(([key]) => isName(key)).map(([key, request]) => [key, methodIn(request)]));
}

function methodIn(request: JsonValue): string {
  return isObject(request) && isName(request['method']) ? request['method'] : '';
}

/** How a call that waits is known when it comes again, with the state that the server gave it if it did. */
export function stateHandle(call: string, requestState: string | undefined): string {
  return requestState === undefined ? call : `${call} ${createHash('sha256').update(requestState).digest('base64url')}`;
}

export function taskHandle(taskId: string): string {
  return `task ${taskId}`;
}
