// Runs in a mount namespace of its own, with the folder given as the first argument on a file system of 1 MiB. Prints what it saw as JSON.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { call } from './call.ts';
import { controlOf } from './control.ts';
import { startOrigin } from './origin.ts';
import { startServe } from './serve.ts';
import { loopback, type TestConfig } from './sidecar.ts';

const [folder = ''] = process.argv.slice(2);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
const origin = await startOrigin();
const config: TestConfig = { folder, destinations: { api: loopback(origin) }, tasks: { self_declared: { max_open: 9 } } };
const changes = { revoke: 'revoked', complete: 'completed', pause: 'paused' } as const;

const first = await startServe(config);
const tasks = [];
for (const change of Object.keys(changes) as (keyof typeof changes)[]) {
  const { body } = await controlOf(first, 'agent')('POST', '/v1/tasks', { intent: 'work' });
  const credential = String(body['credential']);
  tasks.push({ change, id: String(body['id']), authorization: `Basic ${btoa(credential.replace('.', ':'))}` });
}
const ask = async (proxy: string, authorization: string) => {
  const { status, code } = await call(`${origin.url}/`, { proxy, authorization });
  return code ?? status;
};
const before = [];
for (const { authorization } of tasks) before.push(await ask(first.sidecar.proxy, authorization));
const ballast = join(folder, 'ballast');
try {
  for (;;) writeFileSync(ballast, Buffer.alloc(1024), { flag: 'a' });
} catch {
  // Full.
}
const reports = [];
for (const { change, id } of tasks) {
  const { body } = await controlOf(first, 'operator')('POST', `/v1/tasks/${id}/${change}`);
  reports.push([body['state'], body['recorded']]);
}
await first.kill();
rmSync(ballast);

const second = await startServe(config);
const after = [];
for (const { id, authorization } of tasks) {
  const { body } = await controlOf(second, 'operator')('GET', `/v1/tasks/${id}`);
  after.push([body['state'], body['ended_by'], await ask(second.sidecar.proxy, authorization)]);
}
const opened = (await controlOf(second, 'agent')('POST', '/v1/tasks', { intent: 'work' })).body['code'];
await second.stop();
await origin[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ before, reports, after, opened }));
process.exit(0);
