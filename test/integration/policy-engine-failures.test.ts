import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { grant } from '../../src/policy/policy.ts';
import { startOrigin, type Answer } from '../support/origin.ts';
import { accessRequest } from '../support/policy.ts';
import { json, protocols, startEngine } from '../support/policy-engine.ts';

type Protocol = keyof typeof protocols;
const names = Object.keys(protocols) as Protocol[];

/** How an engine may fail, and what operators are told. Each denies. */
const failures: Readonly<Record<string, (yes: string) => readonly [answer: Answer, error: RegExp, settings?: object]>> = {
  'does not answer in time': () => [() => {}, /within 50 ms/, { timeout: '50ms' }],
  'answers a byte at a time': (yes) => [
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const bytes = yes.split('');
      const drip = setInterval(() => (bytes.length > 1 ? response.write(bytes.shift()) : response.write(' ')), 10);
      response.on('close', () => clearInterval(drip));
    },
    /within 80 ms/,
    { timeout: '80ms' },
  ],
  'answers with 500': (yes) => [status(500, yes), /answered 500/],
  'answers with 404': (yes) => [status(404, yes), /answered 404/],
  'refuses us with 401': (yes) => [status(401, yes), /answered 401/],
  'answers with 201': (yes) => [status(201, yes), /answered 201/],
  'sends us elsewhere': (yes) => [
    (_request, response) => {
      response.writeHead(307, { location: '/elsewhere', 'content-type': 'application/json' });
      response.end(yes);
    },
    /answered 307/,
  ],
  'answers with HTML': (yes) => [
    (_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(yes);
    },
    /other than JSON/,
  ],
  'does not say what it answers with': (yes) => [(_request, response) => void response.end(yes), /other than JSON/],
  'answers with what is not JSON': (yes) => [json(`${yes}}`), /other than JSON/],
  'answers with two answers': (yes) => [json(`${yes}${yes}`), /other than JSON/],
  'answers with nothing': () => [json(''), /other than JSON/],
  'answers with what is not UTF-8': (yes) => [
    (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(Buffer.from(yes.replace('{', '{"\u00ff":1,'), 'latin1'));
    },
    /cannot be reached|other than JSON/,
  ],
  'answers without end': (yes) => [json(`${' '.repeat(2 * 1024 ** 2)}${yes}`), /too much/],
  'breaks off': (yes) => [
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(yes.length + 1) });
      response.write(yes, () => response.destroy());
    },
    /cannot be reached/,
  ],
  'closes without an answer': () => [(request) => void request.socket.destroy(), /cannot be reached/],
  'ends its half of the connection': () => [(request) => void request.socket.end(), /cannot be reached/],
  'answers with a list': (yes) => [json(`[${yes}]`), /other than an object/],
  'answers with null': () => [json('null'), /other than an object/],
  'says "true"': (yes) => [json(yes.replace('true', '"true"')), /answered string for yes or no/],
  'says 1': (yes) => [json(yes.replace('true', '1')), /answered number for yes or no/],
  'says null': (yes) => [json(yes.replace('true', 'null')), /answered an object for yes or no/],
  'says [true]': (yes) => [json(yes.replace('true', '[true]')), /answered an object for yes or no/],
};

function status(code: number, text: string): Answer {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(text);
  };
}

for (const protocol of names) {
  test(`${protocol}: only a yes in time, whole and well-formed allows`, async () => {
    await using engine = await startEngine(protocol, json(protocols[protocol].yes));
    assert.deepEqual(await engine.policy.decide(accessRequest()), { allow: true, policies: [] });
  });

  for (const [what, failure] of Object.entries(failures)) {
    test(`${protocol}: an engine that ${what} denies, and cannot be observed into being`, async () => {
      const [answer, error, settings] = failure(protocols[protocol].yes);
      await using engine = await startEngine(protocol, answer, settings);
      const request = accessRequest();
      const decision = await engine.policy.decide(request);
      assert.deepEqual([decision.allow, decision.policies], [false, []]);
      assert.match(decision.error ?? '', error);
      const granted = grant(request, decision);
      assert.equal(isRefusal(granted) && granted.refused, 'policy_error');
      const { errors } = await engine.policy.explain(request);
      assert.match(errors[0] ?? '', error);
    });
  }

  test(`${protocol}: an engine that is not there denies`, async () => {
    await using engine = await startEngine(protocol, json(protocols[protocol].yes));
    await using gone = await startOrigin();
    const { port } = gone;
    await gone[Symbol.asyncDispose]();
    await using other = await startEngine(protocol, json(''), { url: `http://127.0.0.1:${port}` });
    assert.match((await other.policy.decide(accessRequest())).error ?? '', /cannot be reached \(ECONNREFUSED\)/);
    assert.equal((await engine.policy.decide(accessRequest())).allow, true);
  });

  test(`${protocol}: a plain no is a no, not a failure`, async () => {
    await using engine = await startEngine(protocol, json(protocols[protocol].yes.replace('true', 'false')));
    assert.deepEqual(await engine.policy.decide(accessRequest()), { allow: false, policies: [] });
  });

  test(`${protocol}: methods that policy does not know, and operations that contradict themselves, are not even asked for`, async () => {
    await using engine = await startEngine(protocol, json(protocols[protocol].yes));
    assert.deepEqual(await engine.policy.decide(accessRequest({ method: 'BREW' })), { allow: false, policies: [] });
    assert.match((await engine.policy.decide(accessRequest({ method: 'DELETE', group: 'read' }))).error ?? '', /in the group write/);
    assert.equal(engine.origin.seen.length, 0);
  });

  test(`${protocol}: an engine that fails again and again is left alone for a moment`, async () => {
    let healthy = false;
    await using engine = await startEngine(protocol, (request, response, seen) =>
      healthy ? json(protocols[protocol].yes)(request, response, seen) : status(503, '')(request, response, seen),
    );
    for (let times = 0; times < 8; times += 1) await engine.policy.decide(accessRequest());
    assert.equal(engine.origin.seen.length, 5);
    healthy = true;
    const { error } = await engine.policy.decide(accessRequest());
    assert.match(error ?? '', /asked again in a moment/);
    assert.deepEqual([engine.policy.counts.remote?.failed, engine.policy.counts.remote?.paused], [5, true]);
    assert.equal(engine.policy.counts.remote?.durations.count, 5);
  });

  test(`${protocol}: a question that the engine does not take, again and again, does not silence it for others`, async () => {
    let taken = false;
    await using engine = await startEngine(protocol, (request, response, seen) =>
      taken ? json(protocols[protocol].yes)(request, response, seen) : status(400, '')(request, response, seen),
    );
    for (let times = 0; times < 8; times += 1) await engine.policy.decide(accessRequest());
    taken = true;
    assert.equal((await engine.policy.decide(accessRequest())).allow, true);
  });
}

test('opa: a rule that is undefined denies, and is no failure', async () => {
  await using engine = await startEngine('opa', json('{"decision_id":"d-1"}'));
  assert.deepEqual(await engine.policy.decide(accessRequest()), { allow: false, policies: [], id: 'd-1' });
});

test('opa: an object without allow denies', async () => {
  await using engine = await startEngine('opa', json('{"result":{"allowed":true}}'));
  assert.match((await engine.policy.decide(accessRequest())).error ?? '', /answered undefined/);
});

test('authzen: a missing decision denies, and so does a context that nobody can read', async () => {
  for (const [text, error] of [
    ['{}', /answered undefined/],
    ['{"decision":true,"context":"obligations"}', /context that is no object/],
    ['{"decision":true,"context":[]}', /context that is no object/],
  ] as const) {
    await using engine = await startEngine('authzen', json(text));
    assert.match((await engine.policy.decide(accessRequest())).error ?? '', error);
  }
});
