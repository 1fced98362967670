import { approve } from './approve.ts';
import { chargeOf, spentBy } from './charge.ts';
import { CallRecord, type CallLog } from './call-record.ts';
import type { InboundCall, Reply } from './call.ts';
import type { TokenBroker } from './credentials/credential.ts';
import type { Destination, Target } from './destination.ts';
import type { Exchange, Upstream } from './egress/upstream.ts';
import { detailOf, isRefusal, proxyStatusOf, refuse, refusalOf, statusOf, type Refusal } from './errors.ts';
import { credentialAmong } from './fields.ts';
import type { Fingerprint } from './fingerprint.ts';
import { grpcFields } from './grpc.ts';
import type { WorkloadIdentitySource } from './identity/identity.ts';
import type { CallEvent } from './audit/audit.ts';
import { allPermitted } from './parts.ts';
import { decideAll, grant, undecided, type AccessRequest, type Permit, type PolicyDecisionPoint } from './policy/policy.ts';
import { stillGranted } from './regrant.ts';
import { problemBody, problemType } from './problem.ts';
import type { AnswerContext, Telling } from './protocol/message.ts';
import { operationName, type Classifier, type Operation } from './protocol/operation.ts';
import type { ApprovalGate } from './tasks/approval.ts';
import { taught } from './teach.ts';
import type { TaskGate } from './tasks/task.ts';
import type { Requested } from './call.ts';

/** What a reload rebuilds whole. A running call keeps the graph it began with. */
export interface Graph {
  readonly destinations: { readonly all: readonly Destination[]; resolve(requested: Requested): Target | Refusal };
  readonly classifier: Classifier;
  readonly policy: PolicyDecisionPoint;
  readonly upstream: Upstream;
}

/** What outlives a reload, and the graph of the moment. */
export interface Stages {
  readonly graph: Graph;
  readonly identity: WorkloadIdentitySource;
  readonly tasks: TaskGate;
  readonly approvals: ApprovalGate;
  readonly broker: TokenBroker;
  readonly log: CallLog;
  readonly fingerprint: Fingerprint;
  /** Told of each call's end, for metrics. */
  observe(event: CallEvent): void;
  /** Told of what was not foreseen, for operators. */
  report(error: unknown, callId: string): void;
}

/**
 * The policy enforcement point: accept → identify → classify → decide → obtain credential → forward → audit. Every call of every door walks
 * these lines; the answers of warm stages are synchronous, so that such a call waits for nothing but the network.
 */
export async function handle(stages: Stages, call: InboundCall, reply: Reply): Promise<void> {
  const record = new CallRecord(call, reply);
  let refusal: Refusal | undefined;
  try {
    refusal = objected(stages, record) ?? (await pass(stages, record));
  } catch (error) {
    refusal = refusalOf(error);
    if (refusal.refused === 'internal_error') stages.report(error, call.id);
  } finally {
    // The event first: nothing that fails later can take it away.
    if (refusal !== undefined) record.telling = tellingOf(stages, record, refusal);
    conclude(stages, record, refusal);
    record.held?.release();
    if (record.begun && record.task !== undefined) stages.tasks.end(record.task, record, { charge: record.charge, spent: spentBy(record) });
    if (refusal !== undefined) answer(record, refusal);
  }
}

/** Refuses what must not be read on, whoever sent it; in the same turn, since the parser may break the connection in this one. The event names the task. */
function objected({ tasks }: Stages, record: CallRecord): Refusal | undefined {
  const { caller, objection } = record.call;
  if (objection === undefined) return undefined;
  const task = tasks.authenticate(caller);
  if (task !== undefined && !isRefusal(task)) record.task = task;
  return objection;
}

async function pass(stages: Stages, record: CallRecord): Promise<Refusal | undefined> {
  const { graph, tasks, log } = stages;
  const { call } = record;
  if (log.sink.failure !== undefined) return refuse('audit_unavailable', { retryAfterS: 5 });

  // identify
  const task = tasks.authenticate(call.caller);
  if (task === undefined) return refuse(call.caller.door === 'forward' ? 'task_credential_missing' : 'task_credential_refused');
  if (isRefusal(task)) return task;
  record.task = task;
  const principal = stages.identity.principal();
  if (principal === undefined) return refuse('identity_unavailable', { retryAfterS: 5 });
  record.agent = principal.id;
  if (principal.id !== task.agent) return refuse('task_credential_refused');

  // classify
  const target = graph.destinations.resolve(call.requested);
  if (isRefusal(target)) return target;
  record.target = target;
  const { destination } = target;
  const closed = tasks.check(task, destination.name);
  if (closed !== undefined) return closed;
  if (target.query !== '' && credentialAmong(record.queryNames, destination.keepHeaders) !== undefined)
    return refuse('credential_in_query');
  if (destination.bodyLimitBytes !== undefined && (call.bodyLength ?? 0) > destination.bodyLimitBytes) return refuse('body_too_large');
  const websocket = call.upgrade !== undefined;
  const named = graph.classifier.classify({ method: call.method, target, websocket, grpc: call.grpc }, record);
  const operation = named instanceof Promise ? await named : named;
  if (operation === undefined)
    return refuse(websocket ? 'upgrade_refused' : destination.protocol === 'grpc' ? 'grpc_only' : 'method_refused');
  if (isRefusal(operation)) return operation;
  record.operation = operation;
  if (operation.barred !== undefined) return operation.barred;

  // decide
  record.policyDigest = graph.policy.digest;
  record.planned = tasks.planned(task, record.operationName);
  const request = { principal, task, planned: record.planned, target, operation, time: call.receivedAt };
  const answered = graph.policy.decide(request);
  record.decision = answered instanceof Promise ? await answered : answered;
  let permit = grant(request, record.decision);
  if (isRefusal(permit) && permit.refused === 'approval_required' && record.decision.approval !== undefined) {
    const unapproved = await approve(stages.approvals, record, { request, rule: record.decision.approval.rule });
    if (unapproved !== undefined) return unapproved;
    if (stages.graph !== graph) return refuse('approval_required', { detail: 'The configuration was changed meanwhile. Repeat the call.' });
    permit = grant(request, record.decision, record.approval);
  }
  if (isRefusal(permit)) return permit.refused === 'policy_denied' ? taught(graph, request, record.decision) : permit;
  if (operation.also !== undefined) {
    const rest = await allPermitted(stages, request, operation.also);
    if (rest.refusal !== undefined) {
      record.decision = rest.decision;
      return rest.refusal;
    }
    if (rest.decision !== undefined) {
      record.decision = { ...record.decision, trial: { allow: false, policies: rest.decision.policies } };
      permit = grant(request, record.decision, record.approval);
      if (isRefusal(permit)) return permit;
    }
  }
  record.permit = permit;
  record.charge = chargeOf(record);
  const begun = tasks.begin(task, { operation: record.operationName, charge: record.charge }, record);
  const spent = begun instanceof Promise ? await begun : begun;
  if (spent !== undefined) return spent;
  record.begun = true;
  // What was put in force while this one was being decided found it in no list of running calls.
  const barred = stages.graph === graph ? undefined : await stillGranted(record, stages.graph, tasks);
  if (barred !== undefined) return refuse(barred);
  if (operation.group === 'mint') void log.sink.append(record.mintEvent(stages.fingerprint));

  // obtain credential, forward; once more if the destination did not take the credential and the call can be repeated
  for (let attempt = 1; ; attempt += 1) {
    const obtained = stages.broker.obtain(permit);
    record.credential = obtained instanceof Promise ? await obtained : obtained;
    if (attempt === 1 && (log.sink.durability === 'strict' || websocket || operation.group === 'connect'))
      await record.tellStarted(log, stages.fingerprint);
    if (record.cutCode !== undefined) return refuse(record.cutCode);
    if (record.reply.gone) return refuse('client_gone');
    const exchange = exchangeOf(stages, record, permit);
    const { upstream } = graph;
    const outcome = await (operation.group === 'connect'
      ? upstream.tunnel(permit, exchange)
      : upstream.forward(permit, record.credential, exchange));
    record.outcome = outcome;
    if (!outcome.credentialRejected) return outcome.code === undefined ? undefined : refuse(outcome.code);
    const fresh = record.credential !== undefined && stages.broker.evict(record.credential);
    const repeatable = !record.reply.started && (call.body === undefined || record.held !== undefined);
    if (attempt > 1 || !fresh || !repeatable) return refuse('credential_rejected');
  }
}

/** The protocol's own words for a refusal: the message's, where one was read. */
function tellingOf({ graph }: Stages, { call, operation, target }: CallRecord, refusal: Refusal): Telling | undefined {
  if (operation !== undefined) return operation.message?.refusal(refusal, call.id);
  return target && graph.classifier.refusal?.(target, refusal, call.id);
}

/** What egress is handed; where messages are read, the answer goes through its reader. */
function exchangeOf(stages: Stages, record: CallRecord, { request }: Permit): Exchange {
  const { call, reply, held } = record;
  const { message } = request.operation;
  if (message?.answer === undefined) return { call, reply, control: record, body: held?.bytes };
  const context: AnswerContext = {
    callId: call.id,
    task: request.task,
    may: (operations) => may(stages, request, operations),
    used: (usage) => void (record.usage = usage),
    passed: (events) => void (record.answerEvents += events),
    tell: (event) => void stages.log.sink.append(event),
    cut: (code) => record.cut(code),
  };
  return { call, reply: message.answer(reply, context), control: record, body: held?.bytes, readsAnswer: true };
}

/** Whether these would be permitted in the task of that request, as things stand. */
async function may({ graph, tasks }: Stages, like: AccessRequest, operations: readonly Operation[]): Promise<readonly boolean[]> {
  const requests = operations.map((operation) => {
    const planned = tasks.planned(like.task, operationName(like.target, operation));
    return { ...like, operation, planned, listing: true };
  });
  const decisions = await decideAll(graph.policy, requests);
  // One that needs approval is there to be asked for.
  return requests.map((request, index) => !isRefusal(grant(request, decisions[index] ?? undecided, 'asked for')));
}

/** The only place where a refusal becomes a reply. */
function answer({ call, reply, outcome, telling }: CallRecord, refusal: Refusal): void {
  if (reply.started || reply.gone) return;
  if (call.grpc === true) {
    const fields = [...grpcFields(refusal).flat(), 'proxy-status', proxyStatusOf(refusal.refused, outcome?.status)];
    reply.start(200, ['content-type', 'application/grpc', ...fields]);
    return reply.end();
  }
  const body = Buffer.from(telling?.body ?? problemBody(refusal, call.id));
  const status = telling?.status ?? statusOf(refusal.refused);
  const headers = ['content-type', telling?.contentType ?? problemType, 'cache-control', 'no-store', 'content-length', String(body.length)];
  headers.push('proxy-status', proxyStatusOf(refusal.refused, outcome?.status));
  if (status === 407) headers.push('proxy-authenticate', 'Basic realm="exeat"');
  if (refusal.retryAfterS !== undefined) headers.push('retry-after', String(refusal.retryAfterS));
  else if (status === 503) headers.push('retry-after', '5');
  if (status === 405) headers.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  // The client may or may not send a body it was not asked for (RFC 9110 §10.1.1), and the rest of one that egress broke off is not worth waiting for.
  if (call.expectsContinue || (outcome !== undefined && call.body?.readableEnded === false)) headers.push('connection', 'close');
  reply.start(status, headers, detailOf(refusal));
  reply.end(body);
}

/** Exactly one final event a call; refusals that no task stands behind, and very many of one task, are summed: nobody fills the disk with them. */
function conclude(stages: Stages, record: CallRecord, refusal: Refusal | undefined): void {
  const event = record.event('call', refusal, stages.fingerprint);
  stages.observe(event);
  if (refusal !== undefined && !record.begun && stages.log.summed(refusal.refused, record.task?.id)) return;
  const written = stages.log.sink.append(event);
  if (written instanceof Promise) written.catch((error: unknown) => stages.report(error, record.call.id));
}
