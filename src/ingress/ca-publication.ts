import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { replaceFile } from '../replace-file.ts';
import { pemOf } from './issuing.ts';
import { truststore } from './pkcs12.ts';

/** What clients read, by its name in the folder that the agent may mount: for those that add to their roots, for those that replace them, for Java. */
export const published = { ca: 'ca.pem', bundle: 'bundle.pem', truststore: 'bundle.p12' } as const;

const block = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;

/** Puts what clients must trust where they read it: alone, and together with the public roots. */
export function publish(folder: string, trust: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const write = (name: string, content: string | Buffer): void => replaceFile(join(folder, name), content, 0o644);
  const all = certificatesIn(`${trust}\n${getCACertificates('default').join('\n')}`);
  write(published.ca, trust);
  write(published.bundle, all.map(pemOf).join(''));
  write(published.truststore, truststore(all));
}

/** In DER, each once: Node's own roots and those that the machine adds overlap. */
function certificatesIn(pem: string): Buffer[] {
  const texts = [...pem.matchAll(block)].map(([, text = '']) => text.replaceAll(/\s/g, ''));
  return [...new Set(texts)].map((text) => Buffer.from(text, 'base64'));
}
