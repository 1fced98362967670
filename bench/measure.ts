import type { RequestShape, TlsTarget } from './jobs.ts';
import type { Load, Server } from './processes.ts';

/** One thing to measure: these requests, to this server. */
export interface Scenario {
  readonly name: string;
  readonly server: Server;
  readonly shapes: readonly RequestShape[];
  /** The same requests sent straight to the answering server: what `added` latency is added to. */
  readonly direct: { readonly port: number; readonly shapes: readonly RequestShape[]; readonly tls?: TlsTarget };
  /** Rate of the latency run. */
  readonly perSecond: number;
  /** Over TLS instead of `shapes`; then `direct` has its own. */
  readonly tls?: TlsTarget;
  /** So many calls each time instead of a span of time, and a fresh value for `{task}` for each. */
  readonly fresh?: { readonly calls: number; readonly tasks: (count: number) => Promise<readonly string[]> };
}

export interface Spans {
  readonly rounds: number;
  /** JIT and caches settle; discarded. A quarter for a server that an earlier scenario has warmed. */
  readonly warmUpSeconds: number;
  readonly saturateSeconds: number;
  readonly paceSeconds: number;
}

/** What one round said about one scenario. */
export interface Sample {
  readonly rps: number;
  readonly cpuUsPerRequest: number;
  /** Share of one core that the process used: near 1 or above = saturated. */
  readonly busy: number;
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
  readonly rssMb: number;
  readonly failed: number;
}

export const connections = 32;

/**
 * Each scenario in each round, so that what the machine does meanwhile falls on all of them alike; within a round first all at
 * saturation, one right after the other, then all at the fixed rate.
 */
export async function measure(load: Load, scenarios: readonly Scenario[], spans: Spans): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(scenarios.map(({ name }) => [name, []]));
  const warm = new Set<Server>();
  for (const scenario of scenarios) {
    await saturate(load, scenario, spans.warmUpSeconds / (warm.has(scenario.server) ? 4 : 1));
    warm.add(scenario.server);
  }
  for (let round = 1; round <= spans.rounds; round += 1) {
    process.stderr.write(`round ${round} of ${spans.rounds}\n`);
    const saturated: Saturated[] = [];
    for (const scenario of scenarios) saturated.push(await atSaturation(load, scenario, spans));
    const direct: Direct = new Map();
    for (const [index, scenario] of scenarios.entries()) {
      const first = saturated[index];
      const added = await atFixedRate(load, scenario, { spans, direct });
      if (first !== undefined) samples.get(scenario.name)?.push({ ...first, ...added, failed: first.failed + added.failed });
    }
  }
  return samples;
}

type Saturated = Omit<Sample, 'addedP50Ms' | 'addedP99Ms'>;
type Added = Pick<Sample, 'addedP50Ms' | 'addedP99Ms' | 'failed'>;

/** Latencies of the direct target in this round, by what was asked of it. */
type Direct = Map<string, readonly number[]>;

async function atSaturation(load: Load, scenario: Scenario, spans: Spans): Promise<Saturated> {
  const { server } = scenario;
  const before = server.cpuUs();
  const { completed, seconds, failed } = await saturate(load, scenario, spans.saturateSeconds);
  const used = server.cpuUs() - before;
  return { rps: completed / seconds, cpuUsPerRequest: used / completed, busy: used / 1e6 / seconds, rssMb: server.rssMb(), failed };
}

async function atFixedRate(load: Load, scenario: Scenario, { spans, direct }: { spans: Spans; direct: Direct }): Promise<Added> {
  const key = JSON.stringify([scenario.direct, scenario.perSecond]);
  const base = direct.get(key) ?? (await pace(load, { ...scenario, ...scenario.direct }, spans)).latenciesMs;
  direct.set(key, base);
  if (scenario.direct.port === scenario.server.port) return { addedP50Ms: 0, addedP99Ms: 0, failed: 0 };
  const { latenciesMs, failed } = await pace(load, { ...scenario, port: scenario.server.port }, spans);
  const added = (share: number) => percentile(latenciesMs, share) - percentile(base, share);
  return { addedP50Ms: added(0.5), addedP99Ms: added(0.99), failed };
}

async function saturate(load: Load, { server, shapes, fresh, tls }: Scenario, seconds: number) {
  if (tls !== undefined) return load.run({ kind: 'tls', target: tls, connections, seconds });
  const job = { kind: 'saturate', port: server.port, shapes, connections } as const;
  if (fresh === undefined) return load.run({ ...job, seconds });
  return load.run({ ...job, calls: fresh.calls, tasks: await fresh.tasks(fresh.calls) });
}

type Paced = Pick<Scenario, 'shapes' | 'perSecond' | 'fresh' | 'tls'> & { readonly port: number };

async function pace(load: Load, { port, shapes, perSecond, fresh, tls }: Paced, { paceSeconds }: Spans) {
  if (tls !== undefined) return load.run({ kind: 'tls', target: tls, connections, seconds: paceSeconds, perSecond });
  const tasks = (await fresh?.tasks(Math.ceil(perSecond * paceSeconds))) ?? [];
  return load.run({ kind: 'pace', port, shapes, connections, perSecond, seconds: paceSeconds, tasks });
}

/** Of a sorted list; NaN for an empty one. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
