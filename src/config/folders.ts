import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Exeat keeps what outlives it, unless the config says otherwise. */
export interface Folders {
  /** State folder: tasks, leases, journal, keys. */
  readonly state: string;
  readonly auditFile: string;
  /** Where the control API's token files are made. */
  readonly tokens: string;
}

/** Defaults follow the user: root gets /run and /var/log, others the XDG state folder. The only place that knows these paths. */
export function defaultFolders(user = process.getuid?.(), env: Readonly<Record<string, string | undefined>> = process.env): Folders {
  if (user === 0) return { state: '/run/exeat/state', auditFile: '/var/log/exeat/audit.ndjson', tokens: '/run/exeat' };
  const set = env['XDG_STATE_HOME'];
  // The XDG base directory specification: a relative path is to be ignored.
  const base = join(set?.startsWith('/') === true ? set : join(homedir(), '.local', 'state'), 'exeat');
  return { state: join(base, 'state'), auditFile: join(base, 'audit.ndjson'), tokens: base };
}
