import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { config, create } from '../../src/credentials/static.ts';
import { destinationNamed, permitFor } from '../support/broker.ts';

const permit = permitFor({ destination: destinationNamed('crm') });
const never = new AbortController().signal;

function staticIn(value: string, changes: object = {}, now?: () => number) {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-static-'));
  const file = join(folder, 'secret');
  writeFileSync(file, value);
  const settings = config.parse({
    kind: 'static',
    header: 'Authorization',
    prefix: 'Bearer ',
    value: { file },
    expires: '2027-01-31',
    reason: 'no OAuth',
    ...changes,
  });
  return { file, provider: create(settings, now && { now }), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('A static secret is sent in its header, with its prefix', async () => {
  using rig = staticIn('abc\n');
  const issued = await rig.provider.issue(permit, never);
  assert.ok('headers' in issued);
  assert.deepEqual(
    issued.headers.map(([name, value]) => [name, value.reveal()]),
    [['authorization', 'Bearer abc']],
  );
  assert.equal(issued.expiresAt, Date.parse('2027-02-01T00:00:00Z'), 'its last day counts');
});

test('After its date it is refused', async () => {
  using rig = staticIn('abc', {}, () => Date.parse('2027-02-01T00:00:00Z'));
  const issued = await rig.provider.issue(permit, never);
  assert.ok('notIssued' in issued);
  assert.equal(issued.notIssued.refused, 'credential_expired');
});

test('A changed file is read for the next task', async () => {
  using rig = staticIn('abc');
  await rig.provider.issue(permit, never);
  writeFileSync(rig.file, 'def');
  const issued = await rig.provider.issue(permit, never);
  assert.ok('secret' in issued && issued.secret.reveal() === 'def');
});

test('A secret that would break out of its header is not sent, nor is it quoted', async () => {
  for (const value of ['abc\r\nx-evil: 1', 'abc\n\n', 'a\0b', 'a\u{7f}', 'schlüssel\u{2014}']) {
    using rig = staticIn(value);
    const issued = await rig.provider.issue(permit, never);
    assert.ok('notIssued' in issued, JSON.stringify(value));
    assert.match(issued.reason, /cannot be sent in a header field/);
    assert.ok(!issued.reason.includes('abc'));
  }
});

test('A missing or empty file is a failure that names the file', async () => {
  using rig = staticIn('');
  const empty = await rig.provider.issue(permit, never);
  assert.ok('notIssued' in empty && empty.reason.includes(rig.file));
  rmSync(rig.file);
  const missing = await rig.provider.issue(permit, never);
  assert.ok('notIssued' in missing && missing.reason.includes(rig.file));
});

test('Without a date, a reason, or with a header that frames the message, there is no static credential', () => {
  const good = { kind: 'static', header: 'x-api-key', value: { env: 'X' }, expires: '2027-01-31', reason: 'r' };
  assert.ok(config.safeParse(good).success);
  for (const bad of [
    { expires: undefined },
    { reason: undefined },
    { reason: '' },
    { header: 'Transfer-Encoding' },
    { header: 'a b' },
    { value: 'abc' },
  ]) {
    assert.ok(!config.safeParse({ ...good, ...bad }).success, JSON.stringify(bad));
  }
});
