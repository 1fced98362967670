import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { config, create, type CedarPolicy } from '../../../src/policy/cedar.ts';
import { accessRequest, destinations, intents } from '../../support/policy.ts';

function load(
  files: Readonly<Record<string, string>> | string,
  given: Parameters<typeof create>[1] = { destinations, intents },
): CedarPolicy {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'exeat-policy-'));
  const texts = typeof files === 'string' ? { 'one.cedar': files } : files;
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(directory.path, name), text);
  return create(config.parse({ engine: 'cedar', directory: directory.path }), given);
}

const all = 'permit (principal, action, resource);';
const denied = { allow: false, policies: [] };

test('nothing is permitted unless a policy permits it', () => {
  const policy = load('permit (principal, action == Action::"GET", resource in Destination::"github");');
  assert.equal(policy.decide(accessRequest()).allow, true);
  assert.deepEqual(policy.decide(accessRequest({ method: 'POST' })), denied);
  assert.deepEqual(policy.decide(accessRequest({ destination: 'tickets' })), denied);
});

test('a directory without policies denies everything and is warned of', () => {
  const policy = load({ 'readme.txt': all });
  assert.deepEqual(policy.decide(accessRequest()), denied);
  assert.match(policy.warnings.join(), /holds no policies: every call is denied/);
});

test('a directory that is not there is an error that names it', () => {
  assert.throws(
    () => create({ engine: 'cedar', directory: '/nowhere/policies' }, { destinations, intents }),
    /"\/nowhere\/policies" cannot be read/,
  );
});

test('a forbid wins over every permit, and is the policy that is named', () => {
  const policy = load({
    'a.cedar': all,
    'b.cedar': '\n@id("stop") forbid (principal, action, resource) when { context.http.host == "api.github.com" };',
  });
  assert.deepEqual(policy.decide(accessRequest()), { allow: false, policies: ['stop'] });
  assert.deepEqual(policy.explain(accessRequest()), {
    decision: { allow: false, policies: ['stop'] },
    policies: [{ id: 'stop', file: 'b.cedar', line: 2 }],
    errors: [],
  });
});

test('a policy without an id is named by its file and line', () => {
  assert.deepEqual(load({ 'a.cedar': `// one\n\n${all}` }).decide(accessRequest()).policies, ['a.cedar:3']);
});

test('a policy that fails while it is evaluated denies the call, whatever the others say', () => {
  const policy = load(
    `${all} @id("sum") forbid (principal, action, resource) when { context.task.attested && 9223372036854775807 + 1 == 0 };`,
  );
  const decision = policy.decide(accessRequest());
  assert.deepEqual([decision.allow, decision.policies], [false, ['sum']]);
  assert.match(decision.error ?? '', /policy "sum": .*overflow/);
  assert.equal(policy.explain(accessRequest()).errors.length, 1);
});

test('a request that Cedar cannot read is denied with an error', () => {
  const policy = load(all);
  assert.match(policy.decide(accessRequest({ intent: 'removed' })).error ?? '', /removed/);
  assert.match(policy.decide(accessRequest({ destination: 'removed' })).error ?? '', /removed/);
  assert.match(policy.decide(accessRequest({ time: Number.NaN })).error ?? '', /Invalid time/);
});

test('a method that policy does not know is denied, also where everything is permitted', () => {
  for (const method of ['PROPFIND', 'get', 'read', 'write', 'mint', ''])
    assert.deepEqual(load(all).decide(accessRequest({ method })), denied, method);
});

test('an operation whose group is not that of its method is denied with an error', () => {
  assert.match(load(all).decide(accessRequest({ method: 'GET', group: 'write' })).error ?? '', /GET is in the group read/);
});

test('what creates standing access is permitted only by a policy that names "mint" in its head', () => {
  const mint = accessRequest({ method: 'POST', group: 'mint' });
  assert.deepEqual(load(all).decide(mint), denied);
  assert.deepEqual(load('permit (principal, action in Action::"write", resource);').decide(mint), denied);
  assert.deepEqual(load(`${all} @id("keys") permit (principal, action == Action::"mint", resource);`).decide(mint), {
    allow: true,
    policies: ['keys'],
  });
  assert.deepEqual(
    load(`@id("keys") permit (principal, action == Action::"mint", resource); @id("no") forbid (principal, action, resource);`).decide(
      mint,
    ),
    {
      allow: false,
      policies: ['no'],
    },
  );
});

test('the claims of a token that policy may read are the listed ones', () => {
  const policy = load('permit (principal, action, resource) when { principal has namespace && principal.namespace == "agents" };');
  assert.equal(policy.decide(accessRequest({ principal: { attributes: { namespace: 'agents', other: 'x' } } })).allow, true);
  assert.equal(policy.decide(accessRequest({ principal: { attributes: { namespace: ['agents'] } } })).allow, false);
  assert.equal(policy.decide(accessRequest()).allow, false);
});

test('query names and pairs are read as forms are, every repetition of them', () => {
  const policy = load(
    'permit (principal, action, resource) when { context.http.query.pairs.contains("a b=c d") && !context.http.query.names.contains("force") };',
  );
  assert.equal(policy.decide(accessRequest({ query: '?x&a+b=1&a%20b=c+d' })).allow, true);
  assert.equal(policy.decide(accessRequest({ query: '?a+b=c+d&%66orce' })).allow, false);
});

test('the digest follows the policies and the vocabulary, not the files they stand in', () => {
  const digest = load({ 'a.cedar': `@id("all") ${all}` }).digest;
  assert.match(digest, /^[\w-]{43}$/);
  assert.equal(load({ 'b.cedar': `// moved\n@id("all") ${all}` }).digest, digest);
  assert.notEqual(load({ 'a.cedar': '@id("all") permit (principal, action, resource) when { context.task.attested };' }).digest, digest);
  assert.notEqual(load({ 'a.cedar': `@id("all") ${all}` }, { destinations, intents: { ...intents, audit: {} } }).digest, digest);
});

test('a "*" inside a path pattern is warned of, because it crosses slashes', () => {
  const policy = load(
    '@id("p") permit (principal, action, resource) when { context.http.path like "/repos/*/issues" || context.http.path like "/users/*" };',
  );
  assert.deepEqual(policy.warnings, [
    'one.cedar:1 policy "p": in "/repos/*/issues" a "*" before the end also matches slashes; a template under "operations" does not',
  ]);
});

test('a policy whose calls cannot be cached is warned of', () => {
  const policy = load('@id("p") permit (principal, action, resource) when { {path: context.http.path} == {path: "/a"} };');
  assert.match(policy.warnings.join(), /^one.cedar:1 policy "p" reads context.http.path in a way that cannot be cached/);
});

test('no destination, no intent, no operation: policies still load, and deny what they cannot name', () => {
  assert.equal(load(all, { destinations: [], intents: {} }).decide(accessRequest()).allow, false);
  assert.throws(
    () => load('permit (principal, action, resource in Destination::"github");', { destinations: [], intents: {} }),
    /there is no Destination::"github"/,
  );
});

test('policies that break the engine while they are read leave those in force alone', () => {
  const inForce = load(all);
  const deep = `${'!('.repeat(20_000)}true${')'.repeat(20_000)}`;
  assert.throws(() => load(`permit (principal, action, resource) when { ${deep} };`), /one.cedar:1/);
  assert.equal(inForce.decide(accessRequest({ task: { id: 'not seen before' } })).allow, true);
  assert.equal(inForce.explain(accessRequest()).decision.allow, true);
});

test('strings that are not Unicode neither fail nor wear the engine out', () => {
  const policy = load('permit (principal, action, resource) when { context.task has subject && context.task.subject like "user-*" };');
  for (let i = 0; i < 3000; i += 1)
    assert.equal(policy.explain(accessRequest({ task: { subject: `user-${i}-\uD800` } })).decision.allow, true);
});

test('a WebSocket has an action of its own, among those that write', () => {
  const handshake = accessRequest({ group: 'websocket' });
  const allows = (head: string) => load(`permit (principal, ${head}, resource);`).decide(handshake).allow;
  assert.deepEqual(['action', 'action in Action::"write"', 'action == Action::"websocket"'].map(allows), [true, true, true]);
  assert.deepEqual(['action in Action::"read"', 'action == Action::"GET"', 'action == Action::"POST"'].map(allows), [false, false, false]);
  const policy = load(`${all} @id("no") forbid (principal, action == Action::"websocket", resource);`);
  assert.deepEqual([policy.decide(accessRequest()).allow, policy.decide(handshake).allow], [true, false]);
});

test('what forbids a GET forbids the WebSocket handshake that is one, by its action as by its method; what merely does not permit it does not', () => {
  const handshake = accessRequest({ group: 'websocket' });
  for (const rest of [
    'action == Action::"GET", resource)',
    'action in Action::"read", resource)',
    'action, resource) when { context.http.method == "GET" }',
  ]) {
    const policy = load(`${all} @id("no") forbid (principal, ${rest};`);
    assert.deepEqual(policy.decide(handshake), { allow: false, policies: ['no'] }, rest);
    assert.deepEqual(
      policy.explain(handshake).policies.map(({ id }) => id),
      ['no'],
      rest,
    );
  }
  const failing = load(
    'permit (principal, action == Action::"websocket", resource); @id("fails") permit (principal, action == Action::"GET", resource) when { 9223372036854775807 + 1 == 0 };',
  );
  assert.equal(failing.decide(handshake).allow, false);
});
