import type { CallEvent } from '../audit/audit.ts';

/** Values that are asked for when someone looks. */
export interface Gauges {
  readonly openTasks: () => number;
  readonly auditFailed: () => boolean;
  /** Epoch ms; undefined = no proof of identity. */
  readonly identityExpiresAt: () => number | undefined;
}

export interface Metrics {
  /** On the hot path: a few additions. */
  observe(event: CallEvent): void;
  /** Prometheus text format 0.0.4. Nothing in it identifies a task, a user, a host or a path. */
  text(): string;
}

const boundsMs = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

export function createMetrics(gauges: Gauges): Metrics {
  const calls = new Map<string, number>();
  const buckets = boundsMs.map(() => 0);
  const sums = { count: 0, durationMs: 0, requestBytes: 0, responseBytes: 0 };
  return {
    observe(event) {
      const key = event.code ?? (event.decision === 'would_deny' ? 'would_deny' : 'ok');
      calls.set(key, (calls.get(key) ?? 0) + 1);
      sums.count += 1;
      sums.durationMs += event.duration_ms;
      sums.requestBytes += event.request_bytes;
      sums.responseBytes += event.response_bytes;
      const index = boundsMs.findIndex((bound) => event.duration_ms <= bound);
      if (index !== -1) buckets[index] = (buckets[index] ?? 0) + 1;
    },
    text() {
      const lines: string[] = [];
      const add = (name: string, kind: string, help: string, samples: readonly (readonly [labels: string, value: number])[]) => {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
        for (const [labels, value] of samples) lines.push(`${name}${labels} ${value}`);
      };
      add(
        'exeat_calls_total',
        'counter',
        'Calls by how they ended.',
        [...calls].map(([code, value]) => [`{outcome="${code}"}`, value] as const),
      );
      let below = 0;
      lines.push(
        '# HELP exeat_call_duration_seconds Time from a call being read to its end.',
        '# TYPE exeat_call_duration_seconds histogram',
      );
      for (const [index, bound] of boundsMs.entries()) {
        below += buckets[index] ?? 0;
        lines.push(`exeat_call_duration_seconds_bucket{le="${bound / 1000}"} ${below}`);
      }
      lines.push(`exeat_call_duration_seconds_bucket{le="+Inf"} ${sums.count}`);
      lines.push(`exeat_call_duration_seconds_sum ${sums.durationMs / 1000}`, `exeat_call_duration_seconds_count ${sums.count}`);
      add('exeat_request_bytes_total', 'counter', 'Bytes of request bodies sent on.', [['', sums.requestBytes]]);
      add('exeat_response_bytes_total', 'counter', 'Bytes of response bodies passed back.', [['', sums.responseBytes]]);
      add('exeat_open_tasks', 'gauge', 'Tasks that are open or paused.', [['', gauges.openTasks()]]);
      add('exeat_audit_failed', 'gauge', '1 while the audit log cannot be written.', [['', gauges.auditFailed() ? 1 : 0]]);
      const expiresAt = gauges.identityExpiresAt();
      if (expiresAt !== undefined && Number.isFinite(expiresAt)) {
        add('exeat_identity_expiry_timestamp_seconds', 'gauge', 'When the proof of identity expires.', [
          ['', Math.floor(expiresAt / 1000)],
        ]);
      }
      add('process_resident_memory_bytes', 'gauge', 'Resident memory.', [['', process.memoryUsage.rss()]]);
      return `${lines.join('\n')}\n`;
    },
  };
}
