import type { Requested } from '../call.ts';
import { destinationsOf } from '../config/destinations.ts';
import type { Config } from '../config/schema.ts';
import type { Destination } from '../destination.ts';
import { isRefusal, type Refusal } from '../errors.ts';
import type { Principal } from '../identity/identity.ts';
import { parseTarget } from '../ingress/target.ts';
import { grant, type AccessRequest, type Decision, type PolicyDecisionPoint } from '../policy/policy.ts';
import { textCheck } from '../policy/cedar.ts';
import { createPolicy, nowhere, peerOf } from '../policy/registry.ts';
import { createClassifier } from '../protocol/classifier.ts';
import { createDestinationTable } from '../protocol/destinations.ts';
import { createMcpKnowledge } from '../protocol/mcp/knowledge.ts';
import { operationName, type Classifier } from '../protocol/operation.ts';
import type { Task } from '../tasks/task.ts';

/** A configuration's policies, for calls that nobody makes: no listener, no connection, no secret. What is tried out counts as in force. */
export interface Bench {
  readonly policy: PolicyDecisionPoint;
  readonly config: Config;
  readonly destinations: readonly Destination[];
  readonly classifier: Classifier;
  /** A call as a client would send it, with the operation that it is. */
  read(call: CallWords): Promise<ReadCall | Refusal>;
  /** With all that the same message does besides: what is refused decides. */
  decide(request: AccessRequest): Promise<Verdict>;
  /** What the policies in its scope read of a call, by path; undefined: the engine does not say. */
  reads(request: AccessRequest): readonly string[] | undefined;
  /** What would keep these policies, in Cedar, from being loaded. */
  problemsIn(text: string): readonly string[];
}

interface CallWords {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly websocket: boolean;
  readonly task: Task;
}

type ReadCall = Pick<AccessRequest, 'target' | 'operation'>;

export interface Verdict {
  readonly decision: 'allow' | 'deny' | 'approval' | 'would_deny';
  /** Policy's own word, also where its destination is only observed. */
  readonly said: 'allow' | 'deny' | 'approval';
  readonly policies: readonly string[];
  readonly error: string | undefined;
}

/** Throws with everything that is wrong with destinations and policies. */
export function openBench(config: Config): Bench {
  const destinations = destinationsOf(config);
  const table = createDestinationTable(destinations);
  const nothingKept = { records: () => ({ put: () => undefined, delete: () => undefined, all: () => [] }) };
  const classifier = createClassifier(destinations, { mcp: createMcpKnowledge(nothingKept) });
  if (peerOf(config.policy) !== undefined)
    throw new Error('policies that are elsewhere are tested where they are written: this takes "policy: { engine: cedar, directory: … }"');
  const { intents } = config;
  const policy = createPolicy(config.policy, { destinations, intents, fetch: nowhere, bundle: undefined, allInForce: true });
  return {
    policy,
    config,
    destinations,
    classifier,
    async read({ method, url, headers, body, websocket, task }) {
      const requested = requestedOf(url);
      if (isRefusal(requested)) return requested;
      const target = table.resolve(requested);
      if (isRefusal(target)) return target;
      const source = { task, headers, read: () => Promise.resolve(Buffer.from(body)) };
      const grpc = target.destination.protocol === 'grpc';
      const operation = await classifier.classify({ method, target, websocket, grpc }, source);
      if (operation === undefined) return { refused: websocket ? 'upgrade_refused' : 'method_refused' };
      return isRefusal(operation) ? operation : (operation.barred ?? { target, operation });
    },
    async decide(request) {
      const parts: Verdict[] = [];
      for (const operation of [request.operation, ...(request.operation.also ?? [])]) {
        const { task, target } = request;
        const planned = operation === request.operation ? request.planned : isPlanned(task, operationName(target, operation));
        const part = { ...request, operation, planned };
        const found = await policy.decide(part);
        parts.push({ decision: verdictOf(part, found), said: wordOf(found), policies: found.policies, error: found.error });
      }
      const worst = parts.find(({ decision }) => decision === 'deny') ?? parts.find(({ decision }) => decision === 'would_deny');
      return worst ?? (parts[0] as Verdict);
    },
    reads: (request) => policy.mentioned?.(request),
    problemsIn: textCheck({ destinations, intents: config.intents }),
  };
}

/** An agent as fixtures and logs name it: `issuer|subject`, or a SPIFFE id. */
export function principalOf(
  id: string,
  { kind, claims }: { readonly kind: Principal['kind']; readonly claims: Principal['attributes'] },
): Principal {
  const at = id.lastIndexOf('|');
  return { id, issuer: id.slice(0, Math.max(0, at)), subject: id.slice(at + 1), kind, attributes: claims };
}

/** A task as fixtures and logs speak of one. */
export function taskWith(config: Config, words: Partial<Task> & Pick<Task, 'intent'>): Task {
  const granted = config.intents[words.intent]?.destinations ?? Object.keys(config.destinations);
  return {
    id: 'task_fixture',
    origin: 'orchestrator',
    agent: 'fixture',
    subject: undefined,
    attested: true,
    destinations: new Set(granted),
    plan: new Set(),
    openedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    state: 'open',
    ...words,
  };
}

function isPlanned({ plan }: Task, name: string): boolean {
  return plan.size === 0 || plan.has(name);
}

function requestedOf(url: string): Requested | Refusal {
  const here = 'exeat';
  const http = url.replace(/^ws(?=s?:)/i, 'http');
  return parseTarget(http, URL.canParse(http) ? new URL(http).host : here, { ownAuthorities: new Set([here]) });
}

function wordOf({ allow, approval }: Decision): Verdict['said'] {
  return !allow ? 'deny' : approval === undefined ? 'allow' : 'approval';
}

function verdictOf(request: AccessRequest, decision: Decision): Verdict['decision'] {
  const permit = grant(request, decision);
  if (isRefusal(permit)) return permit.refused === 'approval_required' ? 'approval' : 'deny';
  return permit.observed ? 'would_deny' : 'allow';
}
