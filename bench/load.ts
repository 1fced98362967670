// The load generator: a process of its own, kept warm over all rounds, told what to do over IPC. Its CPU counts for nobody.
import { request as send, Agent, type ClientRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { openTlsClient, shakeHands } from './tls-load.ts';
import { filler, type Job, type JobResult, type RequestShape } from './jobs.ts';

type Of<K extends Job['kind']> = Extract<Job, { kind: K }>;

const open: ClientRequest[] = [];
let streamBytes = 0;

process.on('message', (job: Job) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

async function run(job: Job): Promise<JobResult> {
  switch (job.kind) {
    case 'saturate':
      return saturate(job);
    case 'pace':
      return pace(job);
    case 'tls':
      return tls(job);
    case 'handshakes':
      return handshakes(job);
    case 'burst':
      return burst(job);
    case 'streams':
      return streams(job);
    case 'close':
      return close();
    default:
      return job satisfies never;
  }
}

async function saturate(job: Of<'saturate'>): Promise<JobResult> {
  const fill = filler(job.tasks);
  const result = await autocannon({
    url: `http://127.0.0.1:${job.port}`,
    connections: job.connections,
    sampleInt: 100,
    ...(job.calls === undefined ? { duration: job.seconds ?? 1 } : { amount: job.calls }),
    requests: job.shapes.map((shape) => ({
      method: shape.method,
      path: shape.path,
      headers: { ...shape.headers },
      ...(shape.bodyBytes === undefined ? {} : { body: Buffer.alloc(shape.bodyBytes, 'x') }),
      ...(shape.body === undefined ? {} : { body: shape.body }),
      ...(varies(shape) ? { setupRequest: (request: object) => Object.assign(request, fill(shape)) } : {}),
    })),
  });
  return { completed: result.requests.total, failed: result.non2xx + result.errors, seconds: result.duration, latenciesMs: [] };
}

/**
 * autocannon's own rate limit sends each second's calls in one burst and keeps whole milliseconds, so this is ours: open loop, a call
 * every 1/rate s that never waits for earlier answers (no coordinated omission); time waiting for a free connection counts.
 */
async function pace(job: Of<'pace'>): Promise<JobResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: job.connections });
  const fill = filler(job.tasks);
  const calls = Math.round(job.seconds * job.perSecond);
  const pending: Promise<number>[] = [];
  const startedAt = performance.now();
  while (pending.length < calls) {
    const due = Math.min(calls, ((performance.now() - startedAt) / 1000) * job.perSecond);
    while (pending.length < due) pending.push(timed(job.port, pick(job.shapes, pending.length), fill, agent));
    await delay(1);
  }
  const latencies = await Promise.all(pending);
  agent.destroy();
  return summary(latencies, startedAt);
}

async function tls({ target, connections, seconds, perSecond }: Of<'tls'>): Promise<JobResult> {
  using client = await openTlsClient(target, connections);
  const latencies: number[] = [];
  const one = async () => {
    const sentAt = performance.now();
    latencies.push((await client.send()) ? performance.now() - sentAt : NaN);
  };
  const startedAt = performance.now();
  const over = () => performance.now() - startedAt >= seconds * 1000;
  const loop = async () => {
    while (!over()) await one();
  };
  if (perSecond === undefined) {
    await Promise.all(Array.from({ length: connections }, loop));
    return summary(latencies, startedAt);
  }
  const pending: Promise<void>[] = [];
  for (; !over(); await delay(1)) {
    while (pending.length < ((performance.now() - startedAt) / 1000) * perSecond) pending.push(one());
  }
  await Promise.all(pending);
  return summary(latencies, startedAt);
}

async function handshakes({ target, calls }: Of<'handshakes'>): Promise<JobResult> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  for (let n = 0; n < calls; n += 1) {
    const sentAt = performance.now();
    const named = (text: string) => text.replace('{n}', `${Math.round(startedAt)}-${n}`);
    const tunnel = target.tunnel && { ...target.tunnel, authority: named(target.tunnel.authority) };
    const ok = await shakeHands({ ...target, host: named(target.host), ...(tunnel && { tunnel }) });
    latencies.push(ok ? performance.now() - sentAt : NaN);
  }
  return summary(latencies, startedAt);
}

async function burst(job: Of<'burst'>): Promise<JobResult> {
  const fill = filler();
  const startedAt = performance.now();
  return summary(await Promise.all(Array.from({ length: job.calls }, () => timed(job.port, job.shape, fill, false))), startedAt);
}

async function streams(job: Of<'streams'>): Promise<JobResult> {
  const startedAt = performance.now();
  const opened = await Promise.all(Array.from({ length: job.count }, () => stream(job.port, job.shape)));
  const failed = opened.filter((ok) => !ok).length;
  return { completed: opened.length - failed, failed, seconds: (performance.now() - startedAt) / 1000, latenciesMs: [] };
}

function close(): JobResult {
  for (const request of open) request.destroy();
  const result = { completed: open.length, failed: 0, seconds: 0, latenciesMs: [], streamBytes };
  open.length = 0;
  streamBytes = 0;
  return result;
}

function stream(port: number, shape: RequestShape): Promise<boolean> {
  return new Promise((resolve) => {
    const request = send({ host: '127.0.0.1', port, method: shape.method, path: shape.path, headers: shape.headers, agent: false });
    open.push(request);
    request.on('error', () => resolve(false));
    request.on('upgrade', (response, socket) => {
      socket.on('error', () => undefined).resume();
      resolve(response.statusCode === 101);
    });
    request.on('response', (response) => {
      response.on('error', () => undefined);
      response.on('data', (chunk: Buffer) => {
        streamBytes += chunk.length;
        resolve(response.statusCode === 200);
      });
      response.on('end', () => resolve(false));
    });
    request.end();
  });
}

/** Milliseconds to the last byte of the answer; NaN if it was not a complete 2xx. */
function timed(port: number, shape: RequestShape, fill: ReturnType<typeof filler>, agent: Agent | false): Promise<number> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const { path, headers, body } = fill(shape);
    const request = send({ host: '127.0.0.1', port, method: shape.method, path, headers, agent }, (response) => {
      const ok = response.statusCode === 200;
      response.on('end', () => resolve(ok ? performance.now() - startedAt : NaN));
      response.on('error', () => resolve(NaN));
      response.resume();
    });
    request.on('error', () => resolve(NaN));
    request.end(shape.bodyBytes === undefined ? body : Buffer.alloc(shape.bodyBytes, 'x'));
  });
}

function summary(latencies: readonly number[], startedAt: number): JobResult {
  const latenciesMs = latencies.filter((latency) => !Number.isNaN(latency)).sort((a, b) => a - b);
  const completed = latenciesMs.length;
  return { completed, failed: latencies.length - completed, seconds: (performance.now() - startedAt) / 1000, latenciesMs };
}

function pick(shapes: readonly RequestShape[], index: number): RequestShape {
  const shape = shapes[index % shapes.length];
  if (shape === undefined) throw new Error('a job needs at least one request shape');
  return shape;
}

function varies(shape: RequestShape): boolean {
  return (
    shape.path.includes('{n}') ||
    shape.body?.includes('{n}') === true ||
    Object.values(shape.headers).some((value) => value.includes('{task}'))
  );
}
