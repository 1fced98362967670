import { createHash } from 'node:crypto';
import type { CallRecord } from './call-record.ts';
import { isRefusal, type Refusal } from './errors.ts';
import { canonicalJson, type JsonObject } from './json-value.ts';
import type { AccessRequest } from './policy/policy.ts';
import type { ApprovalGate } from './tasks/approval.ts';

/** A body beyond this is more than anyone can say yes to. */
const largestBytes = 1024 * 1024;
const mostShown = 4096;

/** Gets someone's yes to exactly this call: its operation, place, query and arguments, and what says how they are read. undefined: it is in the record now. */
export async function approve(
  gate: ApprovalGate,
  record: CallRecord,
  { request, rule }: { readonly request: AccessRequest; readonly rule: string },
): Promise<Refusal | undefined> {
  const { call, reply, operationName } = record;
  const asked = await argumentsOf(record, request);
  if (isRefusal(asked)) return asked;
  const { host, path, query } = request.target;
  const content = contentFields(call.headers);
  const place = [request.target.destination.name, call.method, host, path, query, operationName, content];
  const digest = createHash('sha256').update(JSON.stringify(place)).update(asked.bytes).digest('base64url');
  const approved = await gate.ask({
    task: request.task,
    operation: operationName,
    rule,
    call: call.id,
    digest,
    shown: printable([`${call.method} ${path}${query}`, ...content, ...beginningOf(asked.bytes)].join(' ')),
    onGone: (listener) => reply.onClose(listener),
  });
  if (isRefusal(approved)) return approved;
  record.approval = approved.approval;
  return undefined;
}

/** What streams is approved as an operation: nobody can have seen all of it. */
async function argumentsOf(record: CallRecord, { operation, target }: AccessRequest): Promise<{ readonly bytes: Buffer } | Refusal> {
  const streams = operation.group === 'connect' || record.call.upgrade !== undefined || target.destination.protocol === 'grpc';
  const bytes = streams ? Buffer.alloc(0) : await record.read(largestBytes);
  if (isRefusal(bytes)) return bytes;
  if (operation.mcp === undefined || record.call.method !== 'POST') return { bytes };
  // It was read strictly before.
  return { bytes: Buffer.from(canonicalJson(repeatable(JSON.parse(String(bytes)) as JsonObject))) };
}

/** A message of MCP without what differs each time it is sent: a request's id, and what is said about it. */
function repeatable({ id = null, ...message }: JsonObject): JsonObject {
  if (message['method'] === undefined) return { ...message, id };
  const { _meta: _about, ...params } = (message['params'] ?? {}) as JsonObject;
  return { ...message, params };
}

/** `Content-Type` and its like: the same bytes are another thing under another. */
function contentFields(headers: readonly string[]): string[] {
  const fields: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase() ?? '';
    if (name.startsWith('content-') && name !== 'content-length') fields.push(`${name}: ${headers[i + 1]}`);
  }
  return fields;
}

function beginningOf(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  return bytes.length > mostShown
    ? [`(the first ${mostShown} of ${bytes.length} bytes)`, bytes.toString('utf8', 0, mostShown)]
    : [String(bytes)];
}

/** It is the agent's text on the approver's terminal: nothing in it moves the cursor, or turns the reading around. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
