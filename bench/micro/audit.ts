import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallEvent } from '../../src/audit/audit.ts';
import { config, createAudit } from '../../src/audit/sink.ts';

const event: CallEvent = {
  kind: 'call',
  call: 'call_0123456789ab_2s',
  door: 'forward',
  agent: 'spiffe://acme.example/agents/triage',
  subject: undefined,
  task: 'task_00112233445566778899aabbccddeeff',
  intent: 'triage',
  destination: 'github',
  operation: 'github read /repos/{owner}/{repo}/issues',
  method: 'GET',
  host: 'api.github.com',
  path: '/repos/acme/app/issues',
  query: ['page', 'state'],
  query_digest: 'ab12CD34ef56GH78ij90kl',
  decision: 'allow',
  policies: ['triage-reads-issues'],
  policy_digest: 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE',
  planned: true,
  lease: 'lease_00112233445566778899aabbccddeeff',
  status: 200,
  request_bytes: 0,
  response_bytes: 1024,
  received_at: 1_795_000_000_000,
  duration_ms: 12.3,
  upstream: '192.0.2.7',
  removed: ['authorization'],
};
const rounds = 10;
const perRound = 20_000;
const folder = mkdtempSync(join(tmpdir(), 'exeat-bench-'));

// "append": on the path of the call. "all": CPU of the whole process for it, chain, checkpoints and disk included.
for (let round = 0; round < rounds; round += 1) {
  const file = join(folder, `${round}.ndjson`);
  const audit = await createAudit(config.parse({ to: file, queue: '1GiB' }), { stateFolder: folder, defaultFile: file });
  const before = process.cpuUsage();
  let appendNs = 0n;
  for (let i = 0; i < perRound; i += 250) {
    const start = process.hrtime.bigint();
    for (let j = 0; j < 250; j += 1) void audit.append(event);
    appendNs += process.hrtime.bigint() - start;
    await audit.flush();
  }
  const { user, system } = process.cpuUsage(before);
  const all = Math.round(((user + system) * 1000) / perRound);
  console.log(`${String(Number(appendNs) / perRound).padStart(8)} ns append ${String(all).padStart(8)} ns all`);
  await audit[Symbol.asyncDispose]();
}
rmSync(folder, { recursive: true });
