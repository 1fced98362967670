import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

test('liveness and readiness are told without a token, and nothing else is served there', async () => {
  await using exeat = await startTestSidecar({ destinations: { api: { hosts: ['https://api.example.com'] } } });
  const { health } = exeat.sidecar;
  assert.deepEqual([(await send(health, { path: '/healthz' })).status, (await send(health, { path: '/readyz' })).status], [200, 200]);
  for (const path of ['/', '/v1/tasks', '/v1/openapi.json', '/healthz/', '/metrics?x', '/readyz/../v1/tasks']) {
    assert.equal((await send(health, { path })).status, 404, path);
  }
  assert.equal((await send(health, { path: '/healthz', method: 'POST' })).status, 405);
});

test('metrics count calls, credentials and tasks, and identify nobody', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    policy: 'permit (principal, action == Action::"GET", resource);',
  });
  const { id, authorization } = exeat.open();
  await using wire = await openWire(exeat.proxy);
  for (const method of ['GET', 'GET', 'DELETE']) {
    wire.send(`${method} ${origin.url}/secret-path HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  }
  await exeat.events({ kind: 'call' }, 3);
  wire.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: ${origin.host}\r\n\r\n`);
  await wire.until(/407 /);
  const { body, headers } = await send(exeat.sidecar.health, { path: '/metrics' });
  const text = String(body['text']);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  for (const line of [
    'exeat_calls_total{decision="allow",code=""} 2',
    'exeat_calls_total{decision="deny",code="policy_denied"} 1',
    'exeat_calls_total{decision="none",code="task_credential_missing"} 1',
    'exeat_policy_decisions_total{cache="hit"} 1',
    'exeat_policy_decisions_total{cache="miss"} 2',
    'exeat_call_duration_seconds_count 4',
    'exeat_credentials_total{event="issued"} 0',
    'exeat_tasks_total{event="opened"} 1',
    'exeat_open_tasks 1',
    'exeat_audit_failed 0',
  ]) {
    assert(text.includes(`${line}\n`), `${line}\nis not in\n${text}`);
  }
  // Each line is a comment or a sample; each family is declared once.
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{[^{}]*\})? [\d.e+-]+)$/);
  const families = text.match(/^# TYPE (\w+)/gm) ?? [];
  assert.equal(new Set(families).size, families.length);
  for (const outside of [id, 'secret-path', origin.host, 'local:', 'work']) assert(!text.includes(outside), outside);
});
