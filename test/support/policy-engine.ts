import type { Answer } from './origin.ts';
import { startOrigin, type Origin } from './origin.ts';
import * as authzen from '../../src/policy/authzen.ts';
import * as opa from '../../src/policy/opa.ts';
import type { PolicyDecisionPoint } from '../../src/policy/policy.ts';
import { vocabularyOf } from '../../src/policy/schema.ts';
import { createGuardedFetch } from '../../src/egress/client.ts';
import { destinations, intents } from './policy.ts';

/** Engines that are asked over the network, each with what a yes looks like in its protocol. */
export const protocols = {
  opa: {
    yes: '{"result":true}',
    create: (server: object) => (deps: Parameters<typeof opa.create>[1]) => opa.create(opa.config.parse({ engine: 'opa', server }), deps),
  },
  authzen: {
    yes: '{"decision":true}',
    create: (server: object) => (deps: Parameters<typeof opa.create>[1]) =>
      authzen.create(authzen.config.parse({ engine: 'authzen', server, subject_properties: { role: 'agent', kind: 'overridden' } }), deps),
  },
} as const;

export interface TestEngine extends AsyncDisposable {
  readonly origin: Origin;
  readonly policy: PolicyDecisionPoint;
}

/** A policy whose engine answers as it is told to, through the guard that all connections go through. */
export async function startEngine(protocol: keyof typeof protocols, answer: Answer, settings: object = {}): Promise<TestEngine> {
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(await startOrigin(answer));
  const network = { allowPrivate: true, unsafeCleartext: true, connectTimeoutMs: 5000, headersTimeoutMs: 10_000, idleTimeoutMs: 10_000 };
  const { fetch } = opened.use(createGuardedFetch(network, { ownPorts: new Set() }));
  const server = { url: origin.url, unsafe_cleartext: true, timeout: '5s', ...settings };
  const policy = protocols[protocol].create(server)({
    vocabulary: vocabularyOf(destinations, Object.keys(intents)),
    fetch,
    bundle: undefined,
  });
  const all = opened.move();
  return { origin, policy, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Answers each request with this JSON. */
export function json(text: string | (() => string)): Answer {
  return (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(typeof text === 'string' ? text : text());
  };
}
