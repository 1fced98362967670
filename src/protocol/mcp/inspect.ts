import { createHash } from 'node:crypto';
import type { JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { McpMemory } from './memory.ts';
import { isName } from './methods.ts';

/** Whose answer is looked at. */
export interface Listener {
  readonly destination: string;
  readonly task: string;
  /** The legacy session, else the task: what the server asks is answered there. */
  readonly on: string;
  /** Method and name of what is answered: stands for the state of a call that waits without one. */
  readonly call: string;
}

function methodIn(request: JsonValue): string {
  return isObject(request) && isName(request['method']) ? request['method'] : '';
}

/** Bytes without any of these hold nothing that has to be remembered. */
const telltales = ['"method"', '"requestState"', '"inputRequests"', '"taskId"'].map((word) => Buffer.from(word));

export function isWorthReading(bytes: Buffer): boolean {
  return telltales.some((word) => bytes.includes(word)) || bytes.includes('\\u');
}

/** Remembers of a message from the server what later ones of the agent refer to. */
export function remember(message: JsonValue, memory: McpMemory, { destination, task, on, call }: Listener): void {
  if (!isObject(message)) return;
  const { id, method, result } = message;
  if (isName(method) && (typeof id === 'string' || typeof id === 'number'))
    memory.asked(destination, on, { id: JSON.stringify(id), method });
  if (!isObject(result)) return;
  const { requestState, inputRequests } = result;
  if (isObject(inputRequests)) {
    const asks = new Map(Object.entries(inputRequests).map(([key, request]) => [key, methodIn(request)]));
    memory.noteHandle(destination, stateHandle(typeof requestState === 'string' ? requestState : statelessCall(task, call)), {
      task,
      asks,
    });
  }
  for (const taskId of [result['taskId'], isObject(result['task']) ? result['task']['taskId'] : undefined])
    if (isName(taskId)) memory.noteHandle(destination, taskHandle(taskId), { task });
}

export function stateHandle(requestState: string): string {
  return `state ${createHash('sha256').update(requestState).digest('base64url')}`;
}

export function statelessCall(task: string, call: string): string {
  return `${task} ${call}`;
}

export function taskHandle(taskId: string): string {
  return `task ${taskId}`;
}
