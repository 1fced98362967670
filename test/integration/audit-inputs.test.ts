import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';

const policy = `
@id("read") permit (principal, action == Action::"GET", resource) when {
  context.task.intent == Intent::"work" && context.http.path like "/*" && !context.http.query.pairs.contains("mode=raw")
  && context.http.query.text != "raw" && !(context.http.query.names.contains("drop"))
};
@id("write") permit (principal, action == Action::"POST", resource) when { context.task.attested && context.time > datetime("2020-01-01") };`;
const share = `
@id("share") forbid (principal, action, resource in Destination::"api") when {
  context.http.parameters has token && context.http.parameters.token == "open"
  && context.http.parameters has id && context.http.parameters.id == "1"
};`;

test('with audit.inputs each call event holds what the policies in its scope read, with nothing secret in it', async () => {
  await using origin = await startOrigin();
  const destinations = { api: loopback(origin, { operations: ['/share/{token}/{id}'] }) };
  await using exeat = await startTestSidecar({ destinations, policy: policy + share, audit: { inputs: true } });
  const { id: task, authorization } = exeat.open();
  const ask = async (method: string, path: string) =>
    (await call(origin.url + path, { proxy: exeat.proxy, authorization, method })).code ?? 'forwarded';
  assert.equal(await ask('GET', '/list?mode=fast&q=hush&mode=slow'), 'forwarded');
  assert.equal(await ask('GET', '/share/s3cret/7'), 'forwarded');
  assert.equal(await ask('POST', '/list'), 'forwarded');
  assert.equal(await ask('OPTIONS', '/list'), 'policy_denied');
  const inputs = (await exeat.events({ kind: 'call', task }, 4)).map((event) => event['inputs'] as Record<string, unknown>);

  const digest = /^[\w-]{22}$/;
  const { 'context.http.query.text': text, 'context.http.query.pairs': pairs, ...plain } = inputs[0] ?? {};
  assert.deepEqual(plain, {
    'context.http.path': '/list',
    'context.http.query.names': ['mode', 'q', 'mode'],
    'context.task.intent': 'work',
  });
  assert.match(String(text), digest);
  assert.match(String(pairs), /^mode=[\w-]{22},q=[\w-]{22},mode=[\w-]{22}$/);
  assert.doesNotMatch(JSON.stringify(inputs[0]), /hush|fast/);

  assert.equal(inputs[1]?.['context.http.parameters.id'], '7');
  assert.match(String(inputs[1]['context.http.parameters.token']), digest);
  assert.equal(inputs[1]['context.http.path'], '/share/s3cret/7', 'the path is in the event as it is');

  const { 'context.time': time, ...written } = inputs[2] ?? {};
  assert.deepEqual(written, { 'context.task.attested': true });
  assert.ok(Math.abs(Number(time) - Date.now()) < 10_000);
  assert.deepEqual(inputs[3], {}, 'policies in its scope read only what it does not have');
});

test('without it no event has inputs', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, policy });
  const { id: task, authorization } = exeat.open();
  await call(`${origin.url}/list`, { proxy: exeat.proxy, authorization });
  const [event] = await exeat.events({ kind: 'call', task });
  assert.deepEqual([event?.['decision'], event?.['inputs']], ['allow', undefined]);
});

test('what a policy reads and an agent makes long is cut', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, policy, audit: { inputs: true } });
  const { id: task, authorization } = exeat.open();
  const query = Array.from({ length: 800 }, (_, index) => `n${index}=1`).join('&');
  await call(`${origin.url}/${'x'.repeat(5000)}?${query}`, { proxy: exeat.proxy, authorization });
  const [event] = await exeat.events({ kind: 'call', task });
  const inputs = event?.['inputs'] as Record<string, unknown>;
  assert.match(String(inputs['context.http.path']), /^\/x{1023}…[\w-]{22}$/);
  for (const name of ['names', 'pairs']) assert.equal((inputs[`context.http.query.${name}`] as string[]).at(-1), '…');
  assert.ok(JSON.stringify(event).length < 10_000);
});
