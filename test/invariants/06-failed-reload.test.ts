import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorLog } from '../../src/log.ts';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';

/** What was told to operators. */
function collectingLog() {
  const lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];
  const to = (level: string) => (fields: object, message: string) => void lines.push({ level, fields: { ...fields }, message });
  const log: OperatorLog = { info: to('info'), warn: to('warn'), error: to('error') };
  return { lines, log };
}

const staticCredential = (file: string) => ({
  credential: { kind: 'static', header: 'x-token', value: { file }, expires: '2999-01-01', reason: 'test' },
});

interface Broken {
  readonly what: string;
  readonly next: (origin: Origin) => Partial<TestConfig> | string;
  /** All of them are in the answer. */
  readonly told: readonly RegExp[];
}

const broken: readonly Broken[] = [
  { what: 'a file that is not YAML', next: () => 'destinations: [', told: [/test\.yaml:\d+: /] },
  { what: 'an empty file', next: () => '', told: [/"listen" changed; that takes effect at a restart only/] },
  {
    what: 'many problems',
    next: (origin) => ({
      destinations: { api: loopback(origin, { conect_to: 'x:1', timeouts: { idle: 'soon' } }) },
      intents: { work: { description: 'w', destinations: ['apj'] } },
    }),
    told: [
      /conect_to: unknown key; did you mean "connect_to"\?/,
      /timeouts\.idle: expected a duration/,
      /there is no destination "apj"; did you mean "api"\?/,
    ],
  },
  {
    what: 'a policy with typos',
    next: () => ({ policy: '@id("a") permit (principal, action in Action::"raed", resource in Destination::"apj");' }),
    told: [/test\.cedar.*"raed".*"read"/, /test\.cedar.*"apj".*"api"/],
  },
  {
    what: 'a secret that is not there',
    next: (origin) => ({ destinations: { api: loopback(origin, staticCredential('/nowhere/secret')) } }),
    told: [/destinations\.api\.credential\.value: there is no file \/nowhere\/secret/],
  },
  {
    what: 'a CA that is not there',
    next: (origin) => ({ destinations: { api: loopback(origin, { ca: '/nowhere/ca.pem' }) } }),
    told: [/destinations\.api\.ca: cannot read \/nowhere\/ca\.pem/],
  },
  {
    what: 'two destinations that claim one host',
    next: (origin) => ({ destinations: { api: loopback(origin), second: loopback(origin) } }),
    told: [/destinations\.second\.hosts\[0\]: .* belongs to the destination "api" already/],
  },
  {
    what: 'what takes a restart',
    next: () => ({ listen: { proxy: '127.0.0.1:7070' }, audit: { durability: 'strict' }, tasks: { state: '/elsewhere' } }),
    told: [/"listen" changed/, /"audit" changed/, /"tasks\.state" changed; that takes effect at a restart only/],
  },
];

for (const { what, next, told } of broken) {
  test(`${what}: the reload fails, everything that is wrong is told, and all goes on as it was`, async () => {
    await using origin = await startStreams();
    const { lines, log } = collectingLog();
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } }, { log });
    const task = exeat.open();
    const get = () => call(`${origin.url}/`, { proxy: exeat.proxy, authorization: task.authorization });
    await using stream = await openStream(exeat, { origin, task });
    assert.equal((await get()).status, 200);

    exeat.rewrite(next(origin));
    const { status, body } = await controlOf(exeat, 'operator')('POST', '/v1/reload');
    assert.deepEqual([status, body['code']], [409, 'conflict']);
    assert.match(String(body['detail']), /^Nothing was changed\. /);
    for (const pattern of told) assert.match(String(body['detail']), pattern);
    const error = lines.find(({ level }) => level === 'error');
    assert.equal(`Nothing was changed. ${String(error?.fields['reason'])}`, body['detail']);

    assert.equal((await get()).status, 200);
    await stream.event('after the failed reload');
    const calls = await exeat.events({ kind: 'call' }, 2);
    assert.equal(new Set(calls.map((event) => event['policy_digest'])).size, 1);
    assert.equal((await exeat.events({ kind: 'privilege.changed', change: 'policy' })).length, 1, 'only the start');
  });
}

test('a secret that is missing already bars no reload: a policy may have to change at once', async () => {
  await using origin = await startOrigin();
  const destinations = { api: loopback(origin, staticCredential('/nowhere/secret')) };
  await using exeat = await startTestSidecar({ destinations });
  const { authorization } = exeat.open();
  const get = () => call(`${origin.url}/`, { proxy: exeat.proxy, authorization });
  assert.equal((await get()).code, 'credential_unavailable');
  exeat.rewrite({ policy: '@id("none") forbid (principal, action, resource);' });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await get()).code, 'policy_denied');
});
