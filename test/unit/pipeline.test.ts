import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallEvent } from '../../src/audit/audit.ts';
import type { InboundCall, Reply } from '../../src/call.ts';
import { handle, type Stages } from '../../src/pipeline.ts';

test('a reply that cannot be written takes no event away', async () => {
  const ended: string[] = [];
  const events: CallEvent[] = [];
  const stages = {
    log: { sink: { failure: new Error('disk full') }, summed: (code: string) => ended.push(code) > 0 },
    observe: (event: CallEvent) => events.push(event),
    fingerprint: String,
  } as unknown as Stages;
  const reply = { started: false, gone: false, start: () => assert.fail('a socket that throws') } as unknown as Reply;
  const requested = { door: 'route', path: '/', query: '', encodedReserved: false } as const;
  const call = { id: 'call_1', caller: { door: 'route' }, method: 'GET', requested } as InboundCall;
  await assert.rejects(handle(stages, call, reply), /a socket that throws/);
  assert.deepEqual([ended, events.map(({ code }) => code)], [['audit_unavailable'], ['audit_unavailable']]);
});
