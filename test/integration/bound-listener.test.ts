import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { isRefusal } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { placeholder } from '../../src/placeholder.ts';
import { startStages } from '../../src/stages.ts';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { configOf, loopback, permitAll } from '../support/sidecar.ts';

interface Bound extends AsyncDisposable {
  readonly proxy: string;
  readonly task: string;
  end(): Promise<unknown>;
}

/** A sidecar whose only listener is a task, for processes of this user. */
async function startBound(origin: Origin, uid = process.getuid?.()): Promise<Bound> {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-bound-'));
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies/all.cedar'), permitAll);
  const tickets = { route: '/tickets', url: 'http://tickets.test', connect_to: origin.host, allow_private: true };
  const destinations = { api: loopback(origin), tickets };
  const config = parseConfig(stringify(configOf({ destinations }, folder)), 'test.yaml');
  const stages = await startStages({ config, reread: () => config, log: createLog('silent') });
  const opened = stages.tasks.openBound({ intent: 'work' }, 'test');
  assert(!isRefusal(opened));
  const { id } = opened;
  return {
    task: id,
    proxy: await stages.openProxy({ host: '127.0.0.1', port: 0 }, { task: () => id, uid }),
    end: () => stages.tasks.complete(id, 'orchestrator'),
    async [Symbol.asyncDispose]() {
      await stages[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

test('where the listener is the task, calls need no credential on either door, and end with the task', async () => {
  await using origin = await startOrigin();
  await using bound = await startBound(origin);
  const { proxy } = bound;
  assert.equal((await call(`${origin.url}/`, { proxy })).status, 200);
  assert.equal((await fetch(`http://${proxy}/tickets/1`)).status, 200);
  await bound.end();
  assert.equal((await call(`${origin.url}/`, { proxy })).code, 'task_completed');
});

test('where the listener is the task, no web page can call a route; a browser that has it for a proxy may be the command', async () => {
  await using origin = await startOrigin();
  await using bound = await startBound(origin);
  const { proxy } = bound;
  const page = await fetch(`http://${proxy}/tickets/1`, { headers: { 'sec-fetch-site': 'cross-site' } });
  assert.match(await page.text(), /origin_refused/);
  assert.equal((await call(`${origin.url}/`, { proxy, fields: ['Origin: http://other.example'] })).status, 200);
  assert.equal(origin.seen.length, 1);
});

test('where the listener is the task, a credential is refused, but for the placeholder of an SDK, which does not travel on', async () => {
  await using origin = await startOrigin();
  await using bound = await startBound(origin);
  const { proxy } = bound;
  const refused = await call(`${origin.url}/`, { proxy, authorization: 'Basic dGFzazpzZWNyZXQ=' });
  assert.deepEqual([refused.status, refused.code], [403, 'task_credential_refused']);
  const onRoute = (headers: Record<string, string>) => fetch(`http://${proxy}/tickets/1`, { headers });
  for (const headers of [{ 'exeat-task': `${bound.task}.secret` }, { authorization: 'Bearer sk-1' }, { 'x-api-key': 'sk-1' }]) {
    assert.equal((await onRoute(headers)).status, 403, JSON.stringify(headers));
  }
  assert.equal(origin.seen.length, 0);
  const basic = `Basic ${Buffer.from(`x:${placeholder}`).toString('base64')}`;
  for (const value of [`Bearer ${placeholder}`, placeholder, basic]) assert.equal((await onRoute({ authorization: value })).status, 200);
  assert.equal((await onRoute({ 'x-api-key': placeholder })).status, 200);
  assert.ok(origin.seen.every(({ headers }) => headers.authorization === undefined && headers['x-api-key'] === undefined));
});

const linux = { skip: process.platform === 'linux' ? false : 'the peer is looked up in /proc' };

test('a listener that is a task takes calls from processes of its user only', linux, async () => {
  await using origin = await startOrigin();
  await using others = await startBound(origin, (process.getuid?.() ?? 0) + 1);
  assert.deepEqual(await call(`${origin.url}/`, { proxy: others.proxy }).then(({ status, code }) => [status, code]), [
    403,
    'task_credential_refused',
  ]);
  assert.equal(origin.connections(), 0);
});

test(
  'the user of a process is known also where it connects by an IPv6 socket, and not guessed where the process has gone',
  linux,
  async () => {
    await using origin = await startOrigin();
    await using bound = await startBound(origin);
    const port = Number(bound.proxy.split(':')[1]);
    const request = `GET ${origin.url}/ HTTP/1.1\r\nHost: ${origin.host}\r\nConnection: close\r\n\r\n`;
    const mapped = connect({ host: '::ffff:127.0.0.1', port });
    mapped.write(request);
    assert.match(await text(mapped), /^HTTP\/1\.1 200 /);

    const script = `const s = require('node:net').connect(${port}, '127.0.0.1', () => { s.write(${JSON.stringify(request)}); process.kill(process.pid, 'SIGKILL'); })`;
    const child = spawn(process.execPath, ['-e', script]);
    await once(child, 'exit');
    assert.equal((await call(`${origin.url}/`, { proxy: bound.proxy })).status, 200);
  },
);

test('another user of this host is refused', { skip: process.getuid?.() === 0 ? linux.skip : 'takes root' }, async () => {
  await using origin = await startOrigin();
  await using bound = await startBound(origin);
  using folder = temporaryFolder();
  // The checkout may lie where another user may not go.
  const node = join(folder.path, 'node');
  chmodSync(folder.path, 0o755);
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  const script = `fetch('http://${bound.proxy}/tickets/1').then((r) => console.log(r.status), (e) => console.log(String(e)))`;
  const statusFor = async (uid: number): Promise<string> => {
    const child = spawn(node, ['-e', script], { uid, gid: uid, cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
    return (await text(child.stdout)).trim();
  };
  assert.deepEqual([await statusFor(65_534), await statusFor(0)], ['403', '200']);
});
