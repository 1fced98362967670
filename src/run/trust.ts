import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { published } from '../ingress/ca-publication.ts';
import { trustEnvironment } from '../ingress/trust-variables.ts';

/** What tells clients to trust the CA that is published in this folder; nothing where none is. */
export function trustIn(folder: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  return existsSync(join(folder, published.bundle)) ? trustEnvironment(folder, variables) : {};
}
