import { join } from 'node:path';
import type { CaFolders } from '../ingress/ca-config.ts';
import { defaultFolders } from './folders.ts';
import type { Config } from './schema.ts';

/** Where the CA is kept and where it is published. By default in the state folder that the file names, so that two sidecars that share none share no CA. */
export function caFoldersOf({ tls: { ca }, tasks: { state } }: Config): CaFolders {
  const defaults = state === undefined ? defaultFolders().ca : { directory: join(state, 'ca'), publish: join(state, 'ca-public') };
  return { directory: ca.directory ?? defaults.directory, publish: ca.publish ?? defaults.publish };
}
