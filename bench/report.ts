import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { median, type Sample } from './measure.ts';

/** A figure with a limit that is not a ratio: one exchange, flat memory, ready in time. */
export interface Check {
  readonly name: string;
  readonly value: number;
  /** Absent: it is told only. */
  readonly limit?: number;
  readonly unit: string;
}

export interface Figures {
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  readonly checks: readonly Check[];
  readonly quick: boolean;
  /** All scenarios and checks: only then the results file is written. */
  readonly whole: boolean;
}

interface Ratio {
  readonly name: string;
  readonly of: string;
  readonly to: string;
  readonly target?: number;
}

/** One minute's load average when the bench began. */
const loadBefore = loadavg()[0] ?? 0;

const ratios: readonly Ratio[] = [
  { name: 'undici_vs_answer', of: 'undici', to: 'direct', target: 2.6 },
  { name: 'forward_vs_undici', of: 'forward', to: 'undici', target: 1.25 },
  { name: 'forward_vs_http_proxy_3', of: 'forward', to: 'http_proxy_3', target: 0.5 },
  { name: 'forward_vs_http_proxy_3_keep_alive', of: 'forward', to: 'http_proxy_3_keep_alive' },
  { name: 'forward_distinct_vs_undici', of: 'forward_distinct', to: 'undici', target: 1.7 },
  { name: 'intercepted_vs_tls_undici', of: 'intercepted', to: 'tls_undici', target: 1.25 },
  { name: 'intercepted_h2_vs_tls_undici_h2', of: 'intercepted_h2', to: 'tls_undici_h2', target: 1.25 },
  { name: 'mcp_call_vs_post', of: 'mcp_call', to: 'post' },
  { name: 'mcp_call_afresh_vs_post', of: 'mcp_call_afresh', to: 'post' },
  { name: 'reverse_vs_undici', of: 'reverse', to: 'undici' },
];

/** Prints the table, writes `bench/results/latest.json`, and says whether the run counts: the yardstick is fair and every call was answered. */
export function report({ samples, checks, quick, whole }: Figures): boolean {
  const scenarios = Object.fromEntries([...samples].map(([name, rounds]) => [name, summarize(rounds)]));
  if (samples.size > 0) console.table(scenarios, ['rps', 'added_p50_ms', 'added_p99_ms', 'cpu_us_per_request', 'rss_mb', 'busy']);

  const measured = ratios.flatMap((ratio) => {
    const [of, to] = [samples.get(ratio.of), samples.get(ratio.to)];
    return of === undefined || to === undefined ? [] : [{ ...ratio, value: pairedRatio(of, to) }];
  });
  if (loadBefore > 0.5) console.log(`the machine was busy before the run (load ${round(loadBefore)}): only the ratios mean something`);
  for (const { name, value, target } of measured) console.log(line(name, value, target));
  for (const { name, value, limit, unit } of checks) console.log(line(name, value, limit, unit));

  if (whole) {
    writeResults({
      quick,
      scenarios,
      ratios: Object.fromEntries(measured.map(({ name, value }) => [name, round(value)])),
      checks: Object.fromEntries(checks.map(({ name, ...check }) => [name, { ...check, ok: isMet(check) }])),
    });
  }

  const failed = [...samples].filter(([, rounds]) => rounds.some((sample) => sample.failed > 0)).map(([name]) => name);
  if (failed.length > 0) console.error(`calls failed in: ${failed.join(', ')}`);
  const yardstick = measured.find(({ name }) => name === 'undici_vs_answer');
  const fair = yardstick === undefined || yardstick.value <= (yardstick.target ?? Infinity);
  if (!fair) console.error('the undici forwarder itself is too slow to be a yardstick: the run does not count');
  return failed.length === 0 && fair && checks.every(isMet);
}

function writeResults(figures: object): void {
  const machine = { node: process.version, cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`, load_before: round(loadBefore) };
  const directory = new URL('./results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  const text = JSON.stringify({ at: new Date().toISOString(), ...machine, ...figures }, undefined, 2);
  writeFileSync(new URL('latest.json', directory), `${text}\n`);
}

function summarize(rounds: readonly Sample[]) {
  const of = (pick: (sample: Sample) => number) => round(median(rounds.map(pick)));
  const range = (pick: (sample: Sample) => number) => [round(Math.min(...rounds.map(pick))), round(Math.max(...rounds.map(pick)))];
  return {
    rps: Math.round(of((sample) => sample.rps)),
    added_p50_ms: of((sample) => sample.addedP50Ms),
    added_p99_ms: of((sample) => sample.addedP99Ms),
    cpu_us_per_request: of((sample) => sample.cpuUsPerRequest),
    rss_mb: Math.round(of((sample) => sample.rssMb)),
    busy: of((sample) => sample.busy),
    range: {
      rps: range((sample) => sample.rps),
      cpu_us_per_request: range((sample) => sample.cpuUsPerRequest),
      added_p50_ms: range((sample) => sample.addedP50Ms),
      added_p99_ms: range((sample) => sample.addedP99Ms),
    },
  };
}

/** CPU per request against the other's in the same round, then the median over the rounds: slow spells of the machine cancel out. */
function pairedRatio(of: readonly Sample[], to: readonly Sample[]): number {
  return median(of.map((sample, index) => sample.cpuUsPerRequest / (to[index]?.cpuUsPerRequest ?? NaN)));
}

function isMet({ value, limit }: Pick<Check, 'value' | 'limit'>): boolean {
  return limit === undefined || value <= limit;
}

function line(name: string, value: number, limit: number | undefined, unit = ''): string {
  const verdict = limit === undefined ? '' : `${value <= limit ? 'pass' : 'MISS'} (at most ${limit}${unit})`;
  return `${name.padEnd(28)} ${`${round(value)}${unit}`.padEnd(10)} ${verdict}`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
