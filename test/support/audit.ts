import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent, AuditSink } from '../../src/audit/audit.ts';
import { config, createAudit } from '../../src/audit/sink.ts';
import { verifyAudit, type AuditReport } from '../../src/audit/verify.ts';

/** A folder for one audit log and the state beside it. */
export interface AuditFolder extends Disposable {
  readonly folder: string;
  readonly file: string;
  open(settings?: object): Promise<AuditSink>;
  lines(): string[];
  verify(): Promise<AuditReport>;
}

export function auditFolder(at = mkdtempSync(join(tmpdir(), 'exeat-audit-'))): AuditFolder {
  const file = join(at, 'audit.ndjson');
  const stateFolder = join(at, 'state');
  return {
    folder: at,
    file,
    open: (settings = {}) => createAudit(config.parse({ to: file, ...settings }), { stateFolder, defaultFile: file }),
    lines: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    verify: () => verifyAudit(file, { publicKeys: [readFileSync(join(stateFolder, 'audit-public.pem'), 'utf8')] }),
    [Symbol.dispose]: () => rmSync(at, { recursive: true, force: true }),
  };
}

export function someEvent(detail: string): AuditEvent {
  return { kind: 'privilege.changed', change: 'test', detail };
}
