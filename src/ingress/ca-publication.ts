import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { replaceFile } from '../replace-file.ts';

/** What clients read, by its name in the folder that the agent may mount. */
const published = { ca: 'ca.pem', bundle: 'bundle.pem' } as const;

/** Puts what clients must trust where they read it: alone, and together with the public roots. */
export function publish(folder: string, trust: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  replaceFile(join(folder, published.ca), trust, 0o644);
  replaceFile(join(folder, published.bundle), [trust, ...getCACertificates('default')].map((pem) => `${pem.trimEnd()}\n`).join(''), 0o644);
}
