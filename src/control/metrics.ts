import type { AuditEvent, AuditSink, CallEvent } from '../audit/audit.ts';
import { boundsMs, createHistogram, type Histogram } from '../histogram.ts';
import type { DecisionCounts } from '../policy/policy.ts';

/** Values that are asked for when someone looks. */
export interface Gauges {
  readonly openTasks: () => number;
  readonly auditFailed: () => boolean;
  /** Of the policies in force: a reload begins anew. */
  readonly decisions: () => DecisionCounts;
  /** Epoch ms; undefined = they are not from a bundle. */
  readonly policyConfirmedAt: () => number | undefined;
  /** Epoch ms; undefined = no proof of identity. */
  readonly identityExpiresAt: () => number | undefined;
}

export interface Metrics {
  /** A call has ended. On the hot path: a few additions. */
  observe(event: CallEvent): void;
  /** The same sink; credentials and tasks are counted by their events as they pass. */
  counting(sink: AuditSink): AuditSink;
  /** So far: calls that ended, those among them that were never permitted, credentials that were issued and revoked. */
  counts(): { readonly calls: number; readonly denied: number; readonly issued: number; readonly revoked: number };
  /** TLS with a client did not come about; `reason` is one of few. */
  clientTlsFailed(reason: string): void;
  /** Prometheus text format 0.0.4. Nothing in it identifies a task, a user, a host or a path. */
  text(): string;
}

type Sample = readonly [labels: string, value: number];

const credentialEvents = ['issued', 'revoked', 'revocation_failed', 'expired', 'unknown', 'reflected'];
const taskEvents = ['opened', 'completed', 'expired', 'revoked', 'refused'];

export function createMetrics(gauges: Gauges): Metrics {
  const calls = new Map<string, Map<string, number>>();
  const durations = createHistogram();
  const trials = new Map([
    ['allow', 0],
    ['deny', 0],
  ]);
  const tlsFailures = new Map<string, number>();
  const sums = { requestBytes: 0, responseBytes: 0 };
  // Present from the start: an alert on a rate needs the zero before the one.
  const events = new Map(
    [...credentialEvents.map((name) => `credential.${name}`), ...taskEvents.map((name) => `task.${name}`), 'tool.changed'].map((kind) => [
      kind,
      0,
    ]),
  );

  function countEvent({ kind }: AuditEvent): void {
    const count = events.get(kind);
    if (count !== undefined) events.set(kind, count + 1);
  }

  function eventSamples(prefix: string, names: readonly string[]): Sample[] {
    return names.map((name) => [`{event="${name}"}`, events.get(`${prefix}.${name}`) ?? 0]);
  }

  return {
    observe(event) {
      const decision = event.decision ?? 'none';
      const code = event.code ?? '';
      const byCode = calls.get(decision) ?? new Map<string, number>();
      if (byCode.size === 0) calls.set(decision, byCode);
      byCode.set(code, (byCode.get(code) ?? 0) + 1);
      if (event.trial !== undefined) trials.set(event.trial.decision, (trials.get(event.trial.decision) ?? 0) + 1);
      durations.add(event.duration_ms);
      sums.requestBytes += event.request_bytes;
      sums.responseBytes += event.response_bytes;
    },
    counting: (sink) => ({
      append(event) {
        countEvent(event);
        return sink.append(event);
      },
      get durability() {
        return sink.durability;
      },
      get failure() {
        return sink.failure;
      },
      flush: () => sink.flush(),
      reopen: () => sink.reopen(),
      [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
    }),
    counts: () => ({
      calls: durations.count,
      denied: [calls.get('deny'), calls.get('none')].flatMap((codes) => [...(codes?.values() ?? [])]).reduce((sum, each) => sum + each, 0),
      issued: events.get('credential.issued') ?? 0,
      revoked: events.get('credential.revoked') ?? 0,
    }),
    clientTlsFailed: (reason) => void tlsFailures.set(reason, (tlsFailures.get(reason) ?? 0) + 1),
    text() {
      const expiresAt = gauges.identityExpiresAt();
      const decisions = gauges.decisions();
      const confirmedAt = gauges.policyConfirmedAt();
      const decided = [...calls].flatMap(([decision, codes]) =>
        [...codes].map(([code, count]): Sample => [`{decision="${decision}",code="${code}"}`, count]),
      );
      return [
        ...family('exeat_calls_total', 'counter', 'Calls by decision and by why they did not complete; an empty code is success.', decided),
        ...family('exeat_policy_decisions_total', 'counter', 'Decisions by whether the cache knew them, since policy was loaded.', [
          ['{cache="hit"}', decisions.cached],
          ['{cache="miss"}', decisions.evaluated],
        ]),
        ...family(
          'exeat_policy_trials_total',
          'counter',
          'Calls that policies which are only tried out would have decided otherwise, by how.',
          [...trials].map(([decision, count]): Sample => [`{decision="would_${decision}"}`, count]),
        ),
        ...histogram('exeat_call_duration_seconds', 'Time from a call being read to its end.', durations),
        ...remoteFamilies(decisions.remote),
        ...family(
          'exeat_policy_bundle_confirmed_timestamp_seconds',
          'gauge',
          'When the policy bundle in force was last found to be the newest; absent where there is none.',
          confirmedAt === undefined ? [] : [['', Math.floor(confirmedAt / 1000)]],
        ),
        ...family('exeat_request_bytes_total', 'counter', 'Bytes of request bodies sent on.', [['', sums.requestBytes]]),
        ...family('exeat_response_bytes_total', 'counter', 'Bytes of response bodies passed back.', [['', sums.responseBytes]]),
        ...family(
          'exeat_credentials_total',
          'counter',
          'Credentials by what became of them.',
          eventSamples('credential', credentialEvents),
        ),
        ...family('exeat_tasks_total', 'counter', 'Tasks by what became of them.', eventSamples('task', taskEvents)),
        ...family('exeat_tools_total', 'counter', 'Tools of MCP servers that are not what they were.', eventSamples('tool', ['changed'])),
        ...family(
          'exeat_client_tls_failures_total',
          'counter',
          'Intercepted TLS connections of clients that did not come about, by reason.',
          [...tlsFailures].map(([reason, count]): Sample => [`{reason="${reason}"}`, count]),
        ),
        ...family('exeat_open_tasks', 'gauge', 'Tasks that are open or paused.', [['', gauges.openTasks()]]),
        ...family('exeat_audit_failed', 'gauge', '1 while the audit log cannot be written.', [['', gauges.auditFailed() ? 1 : 0]]),
        ...family(
          'exeat_identity_expiry_timestamp_seconds',
          'gauge',
          'When the proof of identity expires; absent for one that does not.',
          expiresAt !== undefined && Number.isFinite(expiresAt) ? [['', Math.floor(expiresAt / 1000)]] : [],
        ),
        ...family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [['', process.memoryUsage.rss()]]),
        '',
      ].join('\n');
    },
  };
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([labels, value]) => `${name}${labels} ${value}`).toSorted()];
}

function remoteFamilies(remote: DecisionCounts['remote']): string[] {
  if (remote === undefined) return [];
  return [
    ...histogram('exeat_policy_engine_duration_seconds', 'Time that the policy engine took to answer, or to fail.', remote.durations),
    ...family('exeat_policy_engine_failures_total', 'counter', 'Questions that the policy engine did not answer as it must.', [
      ['', remote.failed],
    ]),
    ...family('exeat_policy_engine_paused', 'gauge', '1 while the policy engine is left alone after failures: calls are refused unasked.', [
      ['', remote.paused ? 1 : 0],
    ]),
  ];
}

function histogram(name: string, help: string, { buckets, count, sumMs }: Histogram): string[] {
  let below = 0;
  const lines = buckets.map((count, index) => {
    below += count;
    return `${name}_bucket{le="${(boundsMs[index] ?? 0) / 1000}"} ${below}`;
  });
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...lines,
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sumMs / 1000}`,
    `${name}_count ${count}`,
  ];
}
