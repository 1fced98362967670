import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { cacheKey } from '../../src/credentials/cache-key.ts';
import type { CredentialProvider } from '../../src/credentials/credential.ts';
import { destinationNamed, permitFor, principal } from '../support/broker.ts';

const text = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('', '0', '1', '1:', ':', '1:a', 'a', '2:a1:'));
const inputs = fc.record({
  task: text,
  agent: text,
  subject: fc.option(text, { nil: undefined }),
  actor: text,
  kind: text,
  name: text,
  hosts: fc.array(text, { maxLength: 3 }),
  port: fc.constantFrom(80, 443),
  more: fc.array(text, { maxLength: 4 }),
});

interface Inputs {
  readonly task: string;
  readonly agent: string;
  readonly subject: string | undefined;
  readonly actor: string;
  readonly kind: string;
  readonly name: string;
  readonly hosts: readonly string[];
  readonly port: number;
  readonly more: readonly string[];
}

function keyOf({ task, agent, subject, actor, kind, name, hosts, port, more }: Inputs): string {
  const destination = destinationNamed(name, { hosts, port });
  const permit = permitFor({
    task,
    agent,
    destination,
    principal: { ...principal, id: actor },
    ...(subject === undefined ? {} : { subject }),
  });
  return cacheKey(permit, { kind } as CredentialProvider, more);
}

test('Two sets of inputs have the same cache key only if they are the same', () => {
  fc.assert(
    fc.property(inputs, inputs, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other);
      assert.equal(keyOf(one) === keyOf(other), same);
      assert.equal(keyOf(one), keyOf({ ...one }));
    }),
    { numRuns: 2000 },
  );
});

test('Moving a character from one input to its neighbour changes the key', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 }), fc.nat(), (parts, at) => {
      const index = at % (parts.length - 1);
      const moved = [...parts];
      moved[index] = (parts[index] ?? '') + (parts[index + 1]?.[0] ?? '');
      moved[index + 1] = parts[index + 1]?.slice(1) ?? '';
      const base = { task: 't', agent: 'a', subject: undefined, actor: 'p', kind: 'k', name: 'n', hosts: [], port: 443 };
      assert.notEqual(keyOf({ ...base, more: parts }), keyOf({ ...base, more: moved }));
    }),
  );
});
