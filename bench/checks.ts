import { setTimeout as delay } from 'node:timers/promises';
import { timeOfRun, type Authority, type Sidecar } from './exeat.ts';
import type { RequestShape } from './jobs.ts';
import { connections, median } from './measure.ts';
import type { Load, Server } from './processes.ts';
import type { Check } from './report.ts';
import { proxied } from './scenarios.ts';

export interface Bench {
  readonly load: Load;
  readonly answer: Server;
  readonly authority: Authority;
  readonly sidecar: Sidecar;
  /** One with https destinations. */
  readonly intercepting: Sidecar;
  /** Starts one more sidecar, on a folder that has been used before. */
  readonly restart: () => Promise<Sidecar>;
  readonly quick: boolean;
}

/** What resident memory may vary by without being a leak: V8 grows and shrinks its young generation in steps of 16 MB. */
const noiseMb = 24;

/** Each check by its name for `--only`. */
export const checks: Readonly<Record<string, (bench: Bench) => Promise<readonly Check[]>>> = {
  stampede,
  body_memory: bodyMemory,
  streams,
  idle,
  growth,
  handshakes,
  start,
  run,
};

/** A hundred simultaneous calls on one cold token. */
async function stampede({ load, answer, authority, sidecar }: Bench): Promise<readonly Check[]> {
  const task = await sidecar.open();
  const before = await authority.issued();
  const shape = proxied(answer, '/repos/acme/printer/issues', task.proxyAuthorization);
  const { failed } = await load.run({ kind: 'burst', port: sidecar.port, shape, calls: 100 });
  const issued = (await authority.issued()) - before;
  return [
    { name: 'stampede_exchanges', value: issued, limit: 1, unit: '' },
    { name: 'stampede_failed', value: failed, limit: 0, unit: '' },
  ];
}

/** 1 MB bodies both ways: the second half of the load needs no more memory than the first. */
async function bodyMemory({ load, answer, sidecar, quick }: Bench): Promise<readonly Check[]> {
  const task = await sidecar.open();
  const down = proxied(answer, '/bytes/1048576', task.proxyAuthorization);
  const up: RequestShape = { ...proxied(answer, '/bytes', task.proxyAuthorization), method: 'POST', bodyBytes: 1_048_576 };
  const job = { kind: 'saturate', port: sidecar.port, shapes: [down, up], connections } as const;
  const before = sidecar.rssMb();
  await load.run({ ...job, seconds: 1 });
  const half = () => peakDuring(sidecar, () => load.run({ ...job, seconds: quick ? 1.5 : 8 }));
  const [first, second] = [await half(), await half()];
  console.log(`1 MB bodies: RSS ${mb(before)} before, ${mb(first)} and ${mb(second)} during, ${mb(sidecar.rssMb())} after`);
  return [{ name: 'body_1mb_growth', value: second - first, limit: noiseMb, unit: ' MB' }];
}

/** 500 open event streams: what they need is needed once. */
async function streams({ load, answer, sidecar, quick }: Bench): Promise<readonly Check[]> {
  const task = await sidecar.open();
  const { Accept: _, ...headers } = proxied(answer, '/events', task.proxyAuthorization).headers;
  const shape = { ...proxied(answer, '/events'), headers: { ...headers, Accept: 'text/event-stream' } };
  const before = sidecar.rssMb();
  const { failed } = await load.run({ kind: 'streams', port: sidecar.port, shape, count: 500 });
  await delay(1500);
  const opened = sidecar.rssMb();
  await delay(quick ? 2000 : 15_000);
  const later = sidecar.rssMb();
  const { streamBytes = 0 } = await load.run({ kind: 'close' });
  await delay(500);
  const after = sidecar.rssMb();
  console.log(`500 streams: RSS ${mb(before)} before, ${mb(opened)} open, ${mb(later)} later, ${mb(after)} after; ${streamBytes} bytes`);
  return [
    { name: 'streams_failed', value: failed, limit: 0, unit: '' },
    { name: 'streams_growth', value: later - opened, limit: noiseMb, unit: ' MB' },
    { name: 'streams_left_over', value: after - opened, limit: noiseMb, unit: ' MB' },
  ];
}

/** A thousand streams, and a thousand WebSockets, on which nothing moves. */
async function idle({ load, answer, intercepting }: Bench): Promise<readonly Check[]> {
  const { proxyAuthorization } = await intercepting.open();
  const quiet = proxied(answer, '/quiet', proxyAuthorization);
  const key = Buffer.alloc(16, 'k').toString('base64');
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key };
  const kibOf = async (shape: RequestShape): Promise<{ readonly kib: number; readonly failed: number }> => {
    const open = (count: number) => load.run({ kind: 'streams', port: intercepting.port, shape, count });
    // What the first of all need is not theirs.
    await open(200);
    await delay(1500);
    const before = intercepting.rssMb();
    const { failed } = await open(1000);
    await delay(1500);
    const kib = ((intercepting.rssMb() - before) * 1024) / 1000;
    await load.run({ kind: 'close' });
    await delay(500);
    return { kib, failed };
  };
  const events = await kibOf(quiet);
  const sockets = await kibOf({ ...quiet, headers: { ...quiet.headers, ...upgrade } });
  return [
    { name: 'idle_failed', value: events.failed + sockets.failed, limit: 0, unit: '' },
    { name: 'idle_event_stream', value: events.kib, unit: ' KiB each' },
    { name: 'idle_websocket', value: sockets.kib, unit: ' KiB each' },
  ];
}

/** 100,000 calls more, and no memory more. */
async function growth({ load, answer, sidecar, quick }: Bench): Promise<readonly Check[]> {
  const task = await sidecar.open();
  const shapes = [proxied(answer, '/repos/acme/app-{n}/issues/{n}', task.proxyAuthorization)];
  const job = { kind: 'saturate', port: sidecar.port, shapes, connections } as const;
  const calls = quick ? 20_000 : 100_000;
  // The heap finds its size first; the growth is what the second half needs beyond the first.
  await load.run({ ...job, calls: calls / 2 });
  const half = () => peakDuring(sidecar, () => load.run({ ...job, calls: calls / 2 }));
  const [first, second] = [await half(), await half()];
  console.log(`${calls} calls: RSS at most ${mb(first)} in the first half, ${mb(second)} in the second, ${mb(sidecar.rssMb())} after`);
  return [{ name: 'calls_growth', value: second - first, limit: noiseMb, unit: ' MB' }];
}

/** A new CONNECT and a full handshake: with a leaf that is known, and with one that must be made. */
async function handshakes({ load, intercepting, quick }: Bench): Promise<readonly Check[]> {
  const { proxyAuthorization } = await intercepting.open();
  const calls = quick ? 200 : 1000;
  const cpuOf = async (host: string) => {
    const tunnel = { authority: `${host}:443`, proxyAuthorization };
    const target = { port: intercepting.port, tunnel, host, ca: intercepting.trust(), protocol: 'h1', path: '/', headers: {} } as const;
    const before = intercepting.cpuUs();
    await load.run({ kind: 'handshakes', target, calls });
    return (intercepting.cpuUs() - before) / calls;
  };
  await cpuOf('bench.example');
  return [
    { name: 'connect_cached_leaf', value: await cpuOf('bench.example'), unit: ' µs CPU' },
    { name: 'connect_cold_leaf', value: await cpuOf('host-{n}.bench.example'), unit: ' µs CPU' },
  ];
}

/** What `exeat run` adds to a command: a whole sidecar, an authority of its own, a task, and its end. */
async function run({ quick }: Bench): Promise<readonly Check[]> {
  const times: number[] = [];
  for (let runs = quick ? 3 : 6; runs > 0; runs -= 1) times.push(await timeOfRun());
  return [{ name: 'run_adds', value: median(times.slice(1)), unit: ' ms' }];
}

/** From process start to ready; the first start fills the compile cache. */
async function start({ restart, quick }: Bench): Promise<readonly Check[]> {
  const times: number[] = [];
  for (let starts = quick ? 2 : 5; starts >= 0; starts -= 1) {
    await using sidecar = await restart();
    times.push(sidecar.readyAfterMs);
  }
  return [{ name: 'start_to_ready', value: median(times.slice(1)), limit: 600, unit: ' ms' }];
}

async function peakDuring(server: Server, work: () => Promise<unknown>): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, server.rssMb())), 100);
  await work();
  clearInterval(timer);
  return peak;
}

function mb(value: number): string {
  return `${Math.round(value)} MB`;
}
