import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

async function exeat(words: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, 'task', ...words], { env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env } });
  const [out, err] = [[], []] as [Buffer[], Buffer[]];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  const code = await promise;
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

function environment(sidecar: TestSidecar, role: string): Record<string, string> {
  return { EXEAT_CONTROL: `http://${sidecar.sidecar.control}`, EXEAT_TOKEN_FILE: join(sidecar.folder, `${role}.token`) };
}

const destinations = { api: { hosts: ['https://api.example.com'] } };

test('a task is opened, looked at and ended from the command line', async () => {
  await using sidecar = await startTestSidecar({ destinations });
  const orchestrator = environment(sidecar, 'orchestrator');
  const opened = await exeat(['open', 'work', '--ttl', '5m', '--calls', '3', '--plan', 'api read /x', '--json'], orchestrator);
  assert.deepEqual([opened.code, opened.err], [0, '']);
  const { id, proxy_url: url } = JSON.parse(opened.out) as Record<string, string>;
  assert.equal(new URL(url ?? '').host, sidecar.proxy);

  const list = await exeat(['list'], orchestrator);
  assert.match(list.out, new RegExp(`^ID +STATE +INTENT +OPENED BY +CALLS +EXPIRES\n${id} +open +work +orchestrator +0 of 3 +20`));
  for (const [word, state] of [
    ['pause', 'paused'],
    ['resume', 'open'],
    ['complete', 'completed'],
  ] as const) {
    const { code, out } = await exeat([word, id ?? ''], orchestrator);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^state +${state}`, 'm'));
  }
  assert.match((await exeat(['show', id ?? ''], orchestrator)).out, /planned, not executed:\n {2}api read \/x/);
  const again = await exeat(['resume', id ?? ''], orchestrator);
  assert.deepEqual([again.code, again.err], [1, 'exeat task: The task has ended: it is completed. (conflict)\n']);
  assert.match((await exeat(['allow'], orchestrator)).out, /may open tasks/);
});

test('the shell lines of a new task can be evaluated', async () => {
  await using sidecar = await startTestSidecar({ destinations });
  const { out } = await exeat(['open', 'work', '--export'], environment(sidecar, 'orchestrator'));
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.length, 6);
  for (const line of lines) assert.match(line, /^export \w+='[\w:/@.-]+'$/);
});

test('wrong usage ends with 2 and says what was wrong; nothing is sent', async () => {
  const cases: [string[], RegExp][] = [
    [[], /say what to do/],
    [['opne', 'work'], /there is no "opne"; did you mean "open"\?/],
    [['open'], /"open" takes INTENT/],
    [['list', 'x'], /takes no more/],
    [['show', 'a', 'b'], /takes no more/],
    [['open', 'work', '--calls', 'many'], /--calls takes a number/],
    [['list', '--ttl', '5m'], /--ttl belongs to "open"/],
    [['list', '--jsno'], /Unknown option '--jsno'/],
    [['__proto__'], /there is no/],
  ];
  const check = async ([words, pattern]: (typeof cases)[number]): Promise<void> => {
    const { code, out, err } = await exeat(words);
    assert.deepEqual([code, out], [2, ''], words.join(' '));
    assert.match(err, pattern);
  };
  await Promise.all(cases.map(check));
});

test('what stands between the command and the sidecar is said in one line, without the token', async () => {
  await using sidecar = await startTestSidecar({ destinations });
  const env = environment(sidecar, 'operator');
  const cases: [Record<string, string>, RegExp][] = [
    [{ ...env, EXEAT_TOKEN_FILE: '/nonexistent/t' }, /no token: \/nonexistent\/t cannot be read \(ENOENT\)/],
    [{ ...env, EXEAT_CONTROL: 'http://127.0.0.1:1' }, /the control API at 127\.0\.0\.1:1 cannot be reached/],
    [{ ...env, EXEAT_CONTROL: 'http://sidecar.example' }, /would travel in clear/],
    [{ ...env, EXEAT_CONTROL: 'nonsense' }, /neither a URL nor unix:/],
    [{ ...env, EXEAT_TOKEN_FILE: join(sidecar.folder, 'agent.token') }, /\(forbidden\)/],
    [{ ...env, EXEAT_CONTROL: `http://${sidecar.sidecar.health}` }, /405, and not from a control API/],
  ];
  const check = async ([given, pattern]: (typeof cases)[number]): Promise<void> => {
    const { code, err } = await exeat(['allow'], given);
    assert.equal(code, 1);
    assert.match(err, pattern);
    assert.equal(err.trimEnd().split('\n').length, 1);
  };
  await Promise.all(cases.map(check));
});
