import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { config, create } from '../../../src/policy/cedar.ts';
import { destination, intents } from '../../support/policy.ts';

const closed = destination('desk', { protocol: 'grpc', operations: ['/desk.v1.Tickets/List', '/desk.v1.Tickets/Close'] });
const open = destination('open', { protocol: 'grpc' });
const plain = destination('plain');

test('a service or method that no destination in scope has is a start-up error, with the nearest name', () => {
  assert.equal(problemAt('desk', 'context.grpc.service == "desk.v1.Tickets"'), undefined);
  assert.match(problemAt('desk', 'context.grpc.service == "desk.v1.Tikets"') ?? '', /did you mean "desk.v1.Tickets"/);
  assert.match(problemAt('desk', 'context.grpc.method == "list"') ?? '', /did you mean "List"/);
  assert.match(problemAt('desk', 'context.grpc.metod == "List"') ?? '', /did you mean "method"/);
});

const anything = 'context.grpc.service == "any.Thing"';

test('where a destination lists no operations any service may be named, and where none speaks gRPC none can', () => {
  assert.equal(problemAt('open', anything), undefined);
  assert.match(problemAt('plain', anything) ?? '', /context.grpc.service is never "any.Thing"/);
});

test('what only some actions have is asked for with them, or after a look whether it is there', () => {
  assert.equal(problemAt('desk', 'context has grpc.method && context.grpc.method == "List"', 'action'), undefined);
  assert.match(problemAt('desk', 'context.grpc.method == "List"', 'action') ?? '', /attribute `grpc` not found|unable to guarantee/);
});

function problemAt(name: string, test: string, action = 'action == Action::"call_method"'): string | undefined {
  const text = `permit (principal, ${action}, resource in Destination::"${name}") when { ${test} };`;
  using directory = mkdtempDisposableSync(join(tmpdir(), 'exeat-policy-'));
  writeFileSync(join(directory.path, 'test.cedar'), text);
  try {
    create(config.parse({ engine: 'cedar', directory: directory.path }), { destinations: [closed, open, plain], intents });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
