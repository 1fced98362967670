import { generateKeyPairSync } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { type Ca, type Signers, skewMs } from './ca.ts';
import { type CaConfig, caDefaults } from './ca-config.ts';
import { publish } from './ca-publication.ts';
import { pemOf, signLeaf, spkiOf } from './issuing.ts';
import { openMadeCa } from './made-ca.ts';

/** Makes leaves for intercepted hosts, signed by this sidecar's CA. */
export interface Certificates extends AsyncDisposable {
  /**
   * A TLS context that proves `host` (a name, or an IP literal without brackets) to a client that trusts our CA. The same one for the same host
   * while its certificate lasts, so that sessions resume. `openedAt`: when the call's task was opened (epoch ms): a successor CA signs only for
   * tasks opened after it was published.
   */
  contextFor(host: string, openedAt: number): SecureContext | Promise<SecureContext>;
  /** PEM of the CA certificates that clients must trust now: the current one, and the successor once published. */
  readonly trust: string;
}

export interface CertificatesOptions {
  /** For what the configuration leaves open. */
  readonly folders: { readonly ca: string; readonly trust: string };
  readonly warn: (message: string) => void;
  readonly now?: () => number;
}

interface Served {
  readonly context: SecureContext;
  readonly renewAt: number;
}

/** A context takes about 40 kB. */
const mostContexts = 500;
const leafMs = 7 * 86_400_000;
const sessionSeconds = 3600;

/** Opens the CA, making it at the first start, and publishes what clients must trust. Throws when either cannot be done. */
export async function openCertificates(config: CaConfig, options: CertificatesOptions): Promise<Certificates> {
  const { folders, warn, now = Date.now } = options;
  const folder = config.publish ?? folders.trust;
  const signers: Signers = openMadeCa({
    ...caDefaults,
    directory: config.directory ?? folders.ca,
    publish: (trust) => publish(folder, trust),
    now,
    warn,
  });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = spkiOf(privateKey);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const cache = new LRUCache<string, Served>({ max: mostContexts });

  const serve = (ca: Ca, host: string, at: number): Served => {
    const notAfterAt = Math.min(at + leafMs, ca.notAfterAt);
    const leaf = signLeaf(ca.issuer, host, { publicKey, validity: { notBeforeAt: Math.max(at - skewMs, ca.notBeforeAt), notAfterAt } });
    return {
      context: createSecureContext({ key, cert: `${pemOf(leaf)}${ca.chain}`, minVersion: 'TLSv1.2', sessionTimeout: sessionSeconds }),
      renewAt: notAfterAt - (notAfterAt - at) / 3,
    };
  };
  return {
    contextFor(host, openedAt) {
      const ca = signers.signerFor(openedAt);
      const at = now();
      const name = `${ca.issuer.keyId.toString('hex')} ${host}`;
      const known = cache.get(name);
      if (known !== undefined && at < known.renewAt) return known.context;
      const made = serve(ca, host, at);
      cache.set(name, made);
      return made.context;
    },
    get trust() {
      return signers.trust;
    },
    [Symbol.asyncDispose]: async () => signers[Symbol.dispose](),
  };
}
