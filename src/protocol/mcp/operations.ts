import type { Destination } from '../../destination.ts';
import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { checkArguments } from '../../tool-arguments.ts';
import { isObject } from '../json.ts';
import type { McpFacts, MessageAction, Operation } from '../operation.ts';
import type { ToolDefinitions } from './definitions.ts';
import { stateHandle, taskHandle } from './inspect.ts';
import type { McpMemory } from './memory.ts';
import { askedFor, completionOf, isName, listened, methodOf, type Era, type Method } from './methods.ts';

const none: Readonly<Record<string, string>> = Object.freeze({});

export interface OperationOptions {
  readonly destination: Destination;
  /** The id of the agent's task. */
  readonly task: string;
  readonly era: Era;
  readonly memory: McpMemory;
  readonly definitions: ToolDefinitions;
}

interface Called {
  readonly method: string;
  readonly params: JsonObject;
}

/** What a request or notification does; a refusal for what cannot be read, or is no method here. */
export function operationOf(message: Called, options: OperationOptions): Operation | Refusal {
  const known = methodOf(message.method, options.era);
  if (known === undefined) return refuse('protocol_refused');
  const operation = called(message, known, options);
  if (isRefusal(operation)) return operation;
  const inputs = inputsOf(message, known, options);
  if (isRefusal(inputs)) return inputs.refused === 'answer_unknown' ? { ...operation, barred: operation.barred ?? inputs } : inputs;
  return inputs.length === 0 ? operation : { ...operation, also: inputs };
}

/** The agent's answer to what a server has asked. To a ping it is nothing but talk. */
export function answering(asked: string): Operation {
  if (asked === 'ping') return plain('initialize', { method: asked, name: undefined });
  return { ...plain('answer', { method: asked, name: undefined }), resource: askedFor(asked) };
}

/** A request that goes nowhere: the method is named as it is asked for, whatever it is. */
export function refused(method: string, barred: Refusal): Operation {
  return { ...plain('initialize', { method, name: undefined }), barred };
}

/** The stream of what a server says by itself, and a session's end, in the legacy era. */
export function sessionOperation(method: 'GET' | 'DELETE'): Operation {
  return { ...plain('initialize', { method: method === 'GET' ? 'session/listen' : 'session/end', name: undefined }), method };
}

/** How a call is known when it comes again with what it waited for. */
export function callOf(method: string, name: string | undefined): string {
  return name === undefined ? method : `${method} ${name}`;
}

function plain(action: MessageAction, mcp: McpFacts): Operation {
  return { action, group: action, method: 'POST', resource: mcp.name ?? mcp.method, templated: false, parameters: none, mcp };
}

function called({ method, params }: Called, known: Method, options: OperationOptions): Operation | Refusal {
  if (known.name !== undefined) {
    const name = params[known.name];
    if (!isName(name)) return refuse('message_unreadable');
    return method === 'tools/call' ? toolCall(name, params, options) : plain(known.action, { method, name });
  }
  if (method === 'completion/complete') {
    const completion = completionOf(params);
    return completion === undefined ? refuse('message_unreadable') : plain(completion.action, { method, name: completion.name });
  }
  const operation = plain(known.action, { method, name: undefined });
  if (method === 'subscriptions/listen') return listening(operation, params, options);
  return known.ofTask === true ? ofTasks(operation, [params['taskId']], options) : operation;
}

function toolCall(name: string, params: JsonObject, { destination, definitions }: OperationOptions): Operation | Refusal {
  const given: JsonValue = params['arguments'] ?? {};
  if (!isObject(given)) return refuse('message_unreadable');
  const facts = { method: 'tools/call', name, arguments: given, opaque: true };
  const operation = { ...plain('call_tool', facts), templated: destination.tools?.has(name) === true };
  if (definitions.barred(destination, name)) return { ...operation, barred: refuse('tool_changed') };
  if (destination.tools === undefined) return operation;
  const tool = destination.tools.get(name);
  if (tool === undefined) return { ...operation, barred: refuse('tool_unknown') };
  const checked = checkArguments(tool, given, destination.passesUndeclaredArguments === true);
  return isRefusal(checked) ? { ...operation, barred: checked } : { ...operation, mcp: { ...facts, opaque: checked.opaque } };
}

function listening(operation: Operation, params: JsonObject, options: OperationOptions): Operation | Refusal {
  const to = listened(params);
  if (to === undefined) return refuse('message_unreadable');
  const also = to.uris.map((name) => plain('read_resource', { method: 'resources/subscribe', name }));
  return ofTasks({ ...operation, also }, to.taskIds, options);
}

/** Barred unless all of these are tasks that the server gave to this task. */
function ofTasks(
  operation: Operation,
  ids: readonly (JsonValue | undefined)[],
  { destination, task, memory }: OperationOptions,
): Operation {
  const own = ids.every((id) => isName(id) && memory.given(destination.name, { task, name: taskHandle(id) }) !== undefined);
  return own ? operation : { ...operation, barred: refuse('answer_unknown', { detail: foreignTask }) };
}

const foreignTask = 'This task of the server was not begun by this task of yours, or is not known here any more.';

/** What a call brings that the server has asked for: answers, to what it did ask this task. */
function inputsOf(
  { method, params }: Called,
  known: Method,
  { destination, task, memory }: OperationOptions,
): readonly Operation[] | Refusal {
  const { inputResponses: inputs = {}, requestState: state, taskId } = params;
  if (params['inputResponses'] === undefined && state === undefined) return [];
  if (known.brings !== true || !isObject(inputs) || (state !== undefined && typeof state !== 'string')) return refuse('message_unreadable');
  const call = callOf(method, known.name && nameIn(params[known.name]));
  const name = known.ofTask === true && isName(taskId) ? taskHandle(taskId) : stateHandle(call, state);
  const asks = memory.given(destination.name, { task, name });
  const answers = Object.keys(inputs).map((key) => asks?.get(key));
  return asks !== undefined && answers.every(isName) ? answers.map(answering) : refuse('answer_unknown');
}

function nameIn(value: JsonValue | undefined): string | undefined {
  return isName(value) ? value : undefined;
}
