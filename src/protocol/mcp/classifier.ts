import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import { clientMessage, type ClientMessage, type RequestId } from '../json-rpc.ts';
import { parseJson } from '../json.ts';
import type { Message, MessageSource } from '../message.ts';
import type { Classifier, Operation, RequestHead } from '../operation.ts';
import { agree, mcpHeaders, type McpHeaders } from './headers.ts';
import type { McpKnowledge } from './knowledge.ts';
import { mirroredName, type Era } from './methods.ts';
import { answering, callOf, operationOf, refused, sessionOperation, type OperationOptions } from './operations.ts';
import { tellRefusal } from './refusal.ts';
import { McpReply } from './reply.ts';
import { eraOf, othersThan, revisionIn } from './revisions.ts';

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
    const called = message.kind === 'response' ? undefined : message;
    const era = eraOf(headers, { params: called?.params, pinned: destination.mcp?.revision });
    const operation = typeof era !== 'string' ? era : operationIn(head, headers, { message, era, task: source.task.id });
    const spoken = { session: headers.session, era: typeof era === 'string' ? era : 'modern', called } as const;
    if (!isRefusal(operation)) return { ...operation, message: messageOf(head, { ...spoken, name: operation.mcp?.name }) };
    // Told in the words of the protocol.
    if (called?.kind !== 'request') return operation;
    return { ...refused(called.method, operation), message: messageOf(head, { ...spoken, name: undefined }) };
  }

  function operationIn(
    head: RequestHead,
    headers: McpHeaders,
    { message, era, task }: { readonly message: ClientMessage; readonly era: Era; readonly task: string },
  ): Operation | Refusal {
    const unbound = unboundSession(head, headers, task);
    if (unbound !== undefined) return unbound;
    const options = { destination: head.target.destination, task, era, memory, definitions };
    return message.kind === 'response' ? answerTo(message.id, headers, options) : read(message, headers, options);
  }

  /** A stream of the session is listened to, or the session ended. What policy does not see is not sent along. */
  async function inSession(head: RequestHead & InSession, headers: McpHeaders, source: MessageSource): Promise<Operation | Refusal> {
    const { method, target } = head;
    const era = eraOf(headers, { params: undefined, pinned: target.destination.mcp?.revision });
    if (era !== 'legacy') return typeof era === 'string' ? refuse('version_unsupported') : era;
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
    const { destination } = target;
    const rpc = called?.method ?? (method === 'POST' ? '' : `session/${method}`);
    const id = called?.id;
    const options = { method: rpc, id, call: callOf(rpc, name), era, target, definitions, memory, session };
    const revisions = othersThan(revisionIn(called?.params), destination.mcp?.revision);
    return {
      refusal: (refusal, callId) => tellRefusal(refusal, { era, method: rpc, id, revisions }, callId),
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
  /** undefined: an answer, or no POST. */
  readonly called: Called | undefined;
  /** Of the tool, prompt or resource. */
  readonly name: string | undefined;
}

type Called = Exclude<ClientMessage, { kind: 'response' }>;

function read(message: Called, headers: McpHeaders, options: OperationOptions): Operation | Refusal {
  const operation = operationOf(message, options);
  if (isRefusal(operation)) return operation;
  const { method, params } = message;
  const complete = options.era === 'modern' && message.kind === 'request';
  // Without it it is no request of that revision.
  if (complete && revisionIn(params) === undefined) return refuse('message_unreadable');
  const { arguments: given = {}, name = '' } = operation.mcp ?? {};
  const mirrors = method === 'tools/call' ? options.destination.tools?.get(name)?.mirrors : undefined;
  const body = { method, name: mirroredName(method, params), arguments: given, mirrors };
  return agree(headers, body, { complete }) ? operation : refuse('headers_disagree');
}
