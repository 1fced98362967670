import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import { clientMessage, type ClientMessage, type RequestId } from '../json-rpc.ts';
import { parseJson } from '../json.ts';
import type { Message, MessageSource } from '../message.ts';
import type { Classifier, Operation, RequestHead } from '../operation.ts';
import { agree, mcpHeaders, paramsAgree, type McpHeaders } from './headers.ts';
import type { McpKnowledge } from './knowledge.ts';
import { eraOf, saysRevision } from './revisions.ts';
import type { Era } from './methods.ts';
import { answering, operationOf, sessionOperation, type OperationOptions } from './operations.ts';
import { tellRefusal } from './refusal.ts';
import { McpReply } from './reply.ts';

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
    const unbound = era === 'legacy' ? unboundSession(head, headers, source.task.id) : undefined;
    if (unbound !== undefined) return unbound;
    const options = { destination, task: source.task.id, era, memory, definitions };
    const operation = message.kind === 'response' ? answerTo(message.id, headers, options) : read(message, headers, options);
    if (isRefusal(operation)) return operation;
    const method = message.kind === 'response' ? '' : message.method;
    return {
      ...operation,
      message: messageOf(head, {
        headers,
        era,
        method,
        name: operation.mcp?.name,
        id: message.kind === 'request' ? message.id : undefined,
      }),
    };
  }

  function answerTo(id: RequestId, { session }: McpHeaders, { destination, task, era }: OperationOptions): Operation | Refusal {
    if (era === 'modern') return refuse('message_unreadable');
    const asked = memory.askedMethod(destination.name, { on: session ?? task, id: JSON.stringify(id) });
    return asked === undefined ? refuse('answer_unknown') : answering(asked);
  }

  function unboundSession({ target }: RequestHead, { session }: McpHeaders, task: string): Refusal | undefined {
    if (session === undefined || memory.taskOf(target.destination.name, session) === task) return undefined;
    return refuse('session_unknown');
  }

  function messageOf(
    { target }: RequestHead,
    {
      headers,
      era,
      method,
      name,
      id,
    }: {
      readonly headers: McpHeaders;
      readonly era: Era;
      readonly method: string;
      readonly id: RequestId | undefined;
      readonly name: string | undefined;
    },
  ): Message {
    const { session } = headers;
    return {
      refusal: (refusal, callId) => tellRefusal(refusal, { era, method, id, callId }),
      answer: (reply, context) => new McpReply(reply, { method, era, target, definitions, context, memory, session, name }),
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
      if (method !== 'GET' && method !== 'DELETE') return undefined;
      if (eraOf(headers, { params: undefined, pinned: target.destination.mcp?.revision }) !== 'legacy')
        return refuse('version_unsupported');
      const unbound = unboundSession(head, headers, source.task?.id ?? '');
      if (unbound !== undefined) return unbound;
      return { ...sessionOperation(method), message: messageOf(head, { headers, era: 'legacy', method, name: undefined, id: undefined }) };
    },
  };
}

function read(message: Exclude<ClientMessage, { kind: 'response' }>, headers: McpHeaders, options: OperationOptions): Operation | Refusal {
  const operation = operationOf(message, options);
  if (isRefusal(operation) || options.era === 'legacy') return operation;
  const name = operation.mcp?.name;
  const mirrors = name !== undefined && message.method !== 'completion/complete' ? name : undefined;
  const says = message.kind === 'notification' || saysRevision(message);
  const agreeing = agree(headers, { method: message.method, name: mirrors }) && paramsAgree(headers, operation.mcp?.arguments);
  return says && agreeing ? operation : refuse('message_unreadable', { detail: mismatch });
}

const mismatch =
  'The header fields MCP-Protocol-Version, Mcp-Method, Mcp-Name and Mcp-Param-* must stand once and say what the body says (MCP 2026-07-28).';
