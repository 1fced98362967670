import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditEvent } from '../../src/audit/audit.ts';
import { config, createAudit } from '../../src/audit/sink.ts';
import { auditFolder } from '../support/audit.ts';

const golden = new URL('audit/log.ndjson', import.meta.url).pathname;

/** The Ed25519 key of 32 zero bytes, in PKCS #8 (RFC 8410 §7). */
const key = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${'00'.repeat(32)}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});

const events: readonly AuditEvent[] = [
  { kind: 'privilege.changed', change: 'config', detail: 'loaded', digest: 'abc' },
  { kind: 'task.opened', task: 'task_1', agent: 'spiffe://acme.example/triage', intent: 'triage', expires_at: 1_795_000_900_000 },
  { kind: 'credential.issued', lease: 'lease_1', task: 'task_1', destination: 'api', provider: 'token-exchange', fingerprint: 'f' },
  {
    kind: 'call',
    call: 'call_1',
    door: 'forward',
    task: 'task_1',
    destination: 'api',
    operation: 'api read /naïve/"path"\u2028',
    method: 'GET',
    path: '/na%C3%AFve',
    query: undefined,
    decision: 'allow',
    lease: 'lease_1',
    status: 200,
    request_bytes: 0,
    response_bytes: 12,
    received_at: 1_795_000_000_000,
    duration_ms: 1.5,
  },
  { kind: 'credential.revoked', lease: 'lease_1', task: 'task_1', destination: 'api', provider: 'token-exchange', proof: 'introspected' },
  { kind: 'task.completed', task: 'task_1', by: 'orchestrator' },
];

test('the log format: with one key, one clock and the same events, the same bytes (UPDATE_GOLDEN=1 writes them)', async () => {
  using log = auditFolder();
  let now = 1_795_000_000_000;
  const pem = join(log.folder, 'key.pem');
  writeFileSync(pem, key.export({ type: 'pkcs8', format: 'pem' }));
  const settings = config.parse({ to: log.file, signing_key: { file: pem } });
  {
    const deps = { stateFolder: join(log.folder, 'state'), defaultFile: log.file, clock: () => (now += 1) };
    await using sink = await createAudit(settings, deps);
    for (const event of events) void sink.append(event);
  }
  const text = readFileSync(log.file, 'utf8');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, 'utf8'));
  assert.equal((await log.verify()).anchored, events.length + 2);
});
