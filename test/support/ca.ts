import { X509Certificate } from 'node:crypto';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import type { CaFolders, CaConfig } from '../../src/ingress/ca-config.ts';
import { type Certificates, openCertificates } from '../../src/ingress/certificates.ts';

/** A folder for a CA, kept from one opening to the next. */
export interface CaPlace extends Disposable {
  readonly folders: CaFolders;
  /** All warnings of all openings. */
  readonly warnings: string[];
  /** Sets the clock of all that is open; epoch ms. */
  at: number;
  open(config?: CaConfig): Promise<Certificates>;
}

export const dayMs = 86_400_000;

export function createCaPlace(): CaPlace {
  const root = mkdtempDisposableSync(join(tmpdir(), 'exeat-ca-'));
  const folders = { directory: join(root.path, 'ca'), publish: join(root.path, 'public') };
  const place: CaPlace = {
    folders,
    warnings: [],
    at: Date.now(),
    open: (config = {}) => openCertificates(config, { folders, now: () => place.at, warn: (message) => place.warnings.push(message) }),
    [Symbol.dispose]: () => root.remove(),
  };
  return place;
}

/** The certificate that a context shows. */
export async function leafOf(context: SecureContext | Promise<SecureContext>): Promise<X509Certificate> {
  // Node's types leave out what its own tests use.
  const native: { getCertificate(): Buffer } = (await context).context;
  return new X509Certificate(native.getCertificate());
}

/** The certificates in a PEM text. */
export function certificatesIn(pem: string): X509Certificate[] {
  return [...pem.matchAll(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)].map(([block]) => new X509Certificate(block));
}
