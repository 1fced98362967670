// Runs in a mount namespace of its own, with the folder given as the first argument on a file system of 256 KiB. Prints what it saw as JSON.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyAudit } from '../../src/audit/verify.ts';
import { auditFolder } from './audit.ts';
import { loopback, startTestSidecar } from './sidecar.ts';
import { startOrigin } from './origin.ts';

const [folder = ''] = process.argv.slice(2);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
const disk = join(folder, 'audit.ndjson');
const log = auditFolder(folder);
const origin = await startOrigin();
const exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, audit: { to: disk } });
const task = exeat.open();
const call = async () => {
  const { openWire } = await import('./wire.ts');
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${task.authorization}\r\n\r\n`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await wire.until(/\r\n\r\n[^]*\}/))?.[1]);
};
const poll = async (until: () => Promise<boolean>) => {
  for (let i = 0; i < 400; i += 1) {
    if (await until()) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return false;
};

const before = await call();
const ballast = join(folder, 'ballast');
try {
  for (;;) writeFileSync(ballast, Buffer.alloc(1024), { flag: 'a' });
} catch {
  // Full.
}
const refused = await poll(async () => (await call()) === 503);
const ready = (await fetch(`http://${exeat.sidecar.health}/readyz`)).status;
const seenWhileFull = origin.seen.length;
await call();
const forwardedWhileFull = origin.seen.length - seenWhileFull;
const report = await exeat.sidecar.tasks.revoke(task.id, 'operator');
const revoked = 'state' in report ? report.state : 'refused';
rmSync(ballast);
const again = await poll(async () => (await fetch(`http://${exeat.sidecar.health}/readyz`)).status === 200);
await exeat[Symbol.asyncDispose]();
await origin[Symbol.asyncDispose]();
const problem = (await verifyAudit(disk)).problem?.what ?? 'none';
// What the disk broke off in the middle is a torn line.
const kinds = log.lines().map((line) => /"kind":"([a-z._]+)"/.exec(line)?.[1]);
process.stdout.write(
  JSON.stringify({
    before,
    refused,
    ready,
    forwardedWhileFull,
    revoked,
    again,
    problem,
    gap: kinds.indexOf('gap'),
    revokedAt: kinds.indexOf('task.revoked'),
  }),
);
process.exit(0);
