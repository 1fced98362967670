import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import { clientMessage, type ClientMessage, type RequestId } from '../json-rpc.ts';
import { parseJson } from '../json.ts';
import type { Message, MessageSource } from '../message.ts';
import type { Classifier, Operation, RequestHead } from '../operation.ts';
import { agree, mcpHeaders, type McpHeaders } from './headers.ts';
import type { McpKnowledge } from './knowledge.ts';
import { mirroredName, type Era } from './methods.ts';
import { answering, callOf, operationOf, sessionOperation, type OperationOptions } from './operations.ts';
import { tellRefusal } from './refusal.ts';
import { McpReply } from './reply.ts';
import { eraOf, saysRevision } from './revisions.ts';

const largestBodyBytes = 4 * 1024 * 1024;

/**
 * Names what calls to MCP servers do (Streamable HTTP; sessions of 2025-03-26 to 2025-11-25, and 2026-07-28). What is no single message of the
 * protocol, at the endpoint, of the revision that is spoken, goes nowhere.
 */
export function createMcpClassifier({ memory, definitions }: McpKnowledge): Classifier {
  async function post(head: RequestHead, headers: McpHeaders, source: MessageSource): Promise<Operation | Refusal> {
    const { destination } = head.target;
    const bytes = await source.read(destination.bodyLimitBytes ?? largestBodyBytes);
    if (isRefusal(bytes)) return bytes;
    const message = headers.json ? clientMessage(parseJson(bytes)) : undefined;
    if (message === undefined || source.task === undefined) return refuse('message_unreadable');
    const params = message.kind === 'response' ? undefined : message.params;
    const era = eraOf(headers, { params, pinned: destination.mcp?.revision });
    if (era === undefined) return refuse('version_unsupported');
    const unbound = unboundSession(head, headers, source.task.id);
    if (unbound !== undefined) return unbound;
    const options = { destination, task: source.task.id, era, memory, definitions };
    const operation = message.kind === 'response' ? answerTo(message.id, headers, options) : read(message, headers, options);
    if (isRefusal(operation)) return operation;
    return { ...operation, message: messageOf(head, { session: headers.session, era, called: message, name: operation.mcp?.name }) };
  }

  /** A stream of the session is listened to, or the session ended. What policy does not see is not sent along. */
  async function inSession(head: RequestHead & InSession, headers: McpHeaders, source: MessageSource): Promise<Operation | Refusal> {
    const { method, target } = head;
    if (eraOf(headers, { params: undefined, pinned: target.destination.mcp?.revision }) !== 'legacy') return refuse('version_unsupported');
    const unbound = unboundSession(head, headers, source.task?.id ?? '');
    if (unbound !== undefined) return unbound;
    const body = await source.read(0);
    if (isRefusal(body)) return body;
    return {
      ...sessionOperation(method),
      message: messageOf(head, { session: headers.session, era: 'legacy', called: undefined, name: undefined }),
    };
  }

  function answerTo(
    id: RequestId,
    { session, method, name }: McpHeaders,
    { destination, task, era }: OperationOptions,
  ): Operation | Refusal {
    if (era === 'modern' || method !== undefined || name !== undefined) return refuse('message_unreadable');
    const asked = memory.askedMethod(destination.name, { on: session ?? task, id: JSON.stringify(id) });
    return asked === undefined ? refuse('answer_unknown') : answering(asked);
  }

  function unboundSession({ target }: RequestHead, { session }: McpHeaders, task: string): Refusal | undefined {
    if (session === undefined || memory.taskOf(target.destination.name, session) === task) return undefined;
    return refuse('session_unknown');
  }

  function messageOf({ method, target }: RequestHead, { session, era, called, name }: Spoken): Message {
    const rpc = called === undefined ? `session/${method}` : called.kind === 'response' ? '' : called.method;
    const id = called?.kind === 'request' ? called.id : undefined;
    const options = { method: rpc, id, call: callOf(rpc, name), era, target, definitions, memory, session };
    return {
      refusal: (refusal, callId) => tellRefusal(refusal, { era, method: rpc, id, callId }),
      answer: (reply, context) => new McpReply(reply, { ...options, context }),
    };
  }

  return {
    classify(head, source) {
      const { method, target } = head;
      if (head.websocket === true || method === 'CONNECT') return undefined;
      const headers = source === undefined ? undefined : mcpHeaders(source.headers);
      if (target.path !== (target.destination.mcp?.path ?? '/mcp')) return refuse('protocol_refused');
      if (source === undefined || headers === undefined) return refuse('message_unreadable');
      if (method === 'POST') return post(head, headers, source);
      return method === 'GET' || method === 'DELETE' ? inSession({ ...head, method }, headers, source) : undefined;
    },
  };
}

interface InSession {
  readonly method: 'GET' | 'DELETE';
}

interface Spoken {
  readonly session: string | undefined;
  readonly era: Era;
  /** undefined: none, since it is no POST. */
  readonly called: ClientMessage | undefined;
  /** Of the tool, prompt or resource. */
  readonly name: string | undefined;
}

function read(message: Exclude<ClientMessage, { kind: 'response' }>, headers: McpHeaders, options: OperationOptions): Operation | Refusal {
  const operation = operationOf(message, options);
  if (isRefusal(operation)) return operation;
  const { method, params } = message;
  const complete = options.era === 'modern' && message.kind === 'request';
  const { arguments: given = {}, name = '' } = operation.mcp ?? {};
  const mirrors = method === 'tools/call' ? options.destination.tools?.get(name)?.mirrors : undefined;
  const body = { method, name: mirroredName(method, params), arguments: given, mirrors };
  const agreeing = agree(headers, body, { complete }) && (!complete || saysRevision(message));
  return agreeing ? operation : refuse('message_unreadable', { detail: mismatch });
}

const mismatch =
  'The header fields MCP-Protocol-Version, Mcp-Method, Mcp-Name and Mcp-Param-* must stand once and say what the body says (MCP 2026-07-28).';
