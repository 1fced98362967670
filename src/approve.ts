import { createHash } from 'node:crypto';
import type { CallRecord } from './call-record.ts';
import { isRefusal, type Refusal } from './errors.ts';
import { canonicalJson } from './json-value.ts';
import type { AccessRequest } from './policy/policy.ts';
import type { ApprovalGate } from './tasks/approval.ts';

/** A body beyond this is more than anyone can say yes to. */
const largestBytes = 1024 * 1024;
const mostShown = 4096;

/** Gets someone's yes to exactly this call: its operation, place, query and arguments. undefined: it is in the record now. */
export async function approve(
  gate: ApprovalGate,
  record: CallRecord,
  { request, rule }: { readonly request: AccessRequest; readonly rule: string },
): Promise<Refusal | undefined> {
  const { call, reply, operationName } = record;
  const asked = await argumentsOf(record, request);
  if (isRefusal(asked)) return asked;
  const { host, path, query } = request.target;
  const place = [request.target.destination.name, call.method, host, path, query, operationName];
  const digest = createHash('sha256').update(JSON.stringify(place)).update(asked.bytes).digest('base64url');
  const approved = await gate.ask({
    task: request.task,
    operation: operationName,
    rule,
    call: call.id,
    digest,
    shown: `${call.method} ${path}${query}${asked.bytes.length === 0 ? '' : ` ${asked.bytes.toString('utf8', 0, mostShown)}`}`,
    onGone: (listener) => reply.onClose(listener),
  });
  if (isRefusal(approved)) return approved;
  record.approval = approved.approval;
  return undefined;
}

/** Of MCP without the id, which differs each time. What streams is approved as an operation: nobody can have seen all of it. */
async function argumentsOf(record: CallRecord, { operation, target }: AccessRequest): Promise<{ readonly bytes: Buffer } | Refusal> {
  const { mcp } = operation;
  if (mcp !== undefined) return { bytes: Buffer.from(canonicalJson([mcp.method, mcp.name ?? null, mcp.arguments ?? null])) };
  const streams = operation.group === 'connect' || record.call.upgrade !== undefined || target.destination.protocol === 'grpc';
  const bytes = streams ? Buffer.alloc(0) : await record.read(largestBytes);
  return isRefusal(bytes) ? bytes : { bytes };
}
