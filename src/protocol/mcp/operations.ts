import type { Destination } from '../../destination.ts';
import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { checkArguments } from '../../tool-arguments.ts';
import { isObject } from '../json.ts';
import type { McpFacts, MessageAction, Operation } from '../operation.ts';
import type { ToolDefinitions } from './definitions.ts';
import { statelessCall, stateHandle, taskHandle } from './inspect.ts';
import type { McpMemory } from './memory.ts';
import { askedFor, completionOf, isName, listenedResources, methodOf, type Era } from './methods.ts';

const none: Readonly<Record<string, string>> = Object.freeze({});

export interface OperationOptions {
  readonly destination: Destination;
  /** The id of the agent's task. */
  readonly task: string;
  readonly era: Era;
  readonly memory: McpMemory;
  readonly definitions: ToolDefinitions;
}

/** What a request or notification does; a refusal for what cannot be read, or is no method here. */
export function operationOf(
  message: { readonly method: string; readonly params: JsonObject },
  options: OperationOptions,
): Operation | Refusal {
  const { method, params } = message;
  const input = inputsOf(message, options);
  if (method === 'completion/complete') {
    const completion = completionOf(params);
    return completion === undefined ? refuse('message_unreadable') : plain(completion.action, { method, name: completion.name });
  }
  const known = methodOf(method, options.era);
  if (known === undefined) return refuse('protocol_refused');
  if (known.name === undefined) {
    const operation = plain(known.action, { method, name: undefined });
    if (method === 'subscriptions/listen') return listening(operation, params);
    if (known.handle === undefined) return operation;
    const handle = params[known.handle];
    const owner = isName(handle) ? options.memory.handle(options.destination.name, taskHandle(handle))?.task : undefined;
    return owner === options.task ? operation : { ...operation, barred: refuse('answer_unknown', { detail: foreignTask }) };
  }
  const name = params[known.name];
  if (!isName(name)) return refuse('message_unreadable');
  const operation = known.action === 'call_tool' ? toolCall(name, params, options) : plain(known.action, { method, name });
  if (isRefusal(operation) || input === undefined) return operation;
  return isRefusal(input) ? { ...operation, barred: operation.barred ?? input } : { ...operation, also: input };
}

const foreignTask = 'This task of the server was not begun by this task of yours, or is not known here any more.';

/** The agent's answer to what a server has asked. */
export function answering(asked: string): Operation {
  return { ...plain('answer', { method: asked, name: undefined }), resource: askedFor(asked) };
}

/** The stream of what a server says by itself, and a session's end, in the legacy era. */
export function sessionOperation(method: 'GET' | 'DELETE'): Operation {
  return { ...plain('initialize', { method: method === 'GET' ? 'session/listen' : 'session/end', name: undefined }), method };
}

function plain(action: MessageAction, mcp: McpFacts): Operation {
  return { action, group: action, method: 'POST', resource: mcp.name ?? mcp.method, templated: false, parameters: none, mcp };
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

function listening(operation: Operation, params: JsonObject): Operation | Refusal {
  const uris = listenedResources(params);
  if (uris === undefined) return refuse('message_unreadable');
  return { ...operation, also: uris.map((name) => plain('read_resource', { method: 'resources/subscribe', name })) };
}

function nameIn({ name, uri }: JsonObject): string {
  return isName(name) ? name : isName(uri) ? uri : '';
}

/** What a repeated call brings that the server has asked for: answers, to what it did ask this task. */
function inputsOf(
  { method, params }: { readonly method: string; readonly params: JsonObject },
  { destination, task, memory }: OperationOptions,
): readonly Operation[] | Refusal | undefined {
  const { inputResponses: inputs, requestState: state } = params;
  if (inputs === undefined && state === undefined) return undefined;
  if ((inputs !== undefined && !isObject(inputs)) || (state !== undefined && typeof state !== 'string'))
    return refuse('message_unreadable');
  const asked = memory.handle(destination.name, stateHandle(state ?? statelessCall(task, `${method} ${nameIn(params)}`)));
  const methods = Object.keys(inputs ?? {}).map((key) => asked?.asks?.get(key));
  if (asked?.task !== task || !methods.every((method) => method !== undefined)) return refuse('answer_unknown');
  return methods.map(answering);
}
