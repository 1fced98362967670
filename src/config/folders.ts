import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CaFolders } from '../ingress/ca-config.ts';

/** Where Exeat keeps what outlives it, unless the config says otherwise. */
export interface Folders {
  /** State folder: tasks, leases, journal, keys. */
  readonly state: string;
  readonly auditFile: string;
  /** Where the control API's token files are made. */
  readonly tokens: string;
  /** The CA for intercepted hosts with its key, and what clients must trust. */
  readonly ca: CaFolders;
}

/** Defaults follow the user: root gets /run and /var/log, others the XDG state folder. The only place that knows these paths. */
export function defaultFolders(user = process.getuid?.(), env: Readonly<Record<string, string | undefined>> = process.env): Folders {
  if (user === 0) {
    const ca = { directory: '/run/exeat/ca', publish: '/run/exeat-ca' };
    return { state: '/run/exeat/state', auditFile: '/var/log/exeat/audit.ndjson', tokens: '/run/exeat', ca };
  }
  const set = env['XDG_STATE_HOME'];
  // The XDG base directory specification: a relative path is to be ignored.
  const base = join(set?.startsWith('/') === true ? set : join(homedir(), '.local', 'state'), 'exeat');
  const ca = { directory: join(base, 'ca'), publish: join(base, 'ca-public') };
  return { state: join(base, 'state'), auditFile: join(base, 'audit.ndjson'), tokens: base, ca };
}
