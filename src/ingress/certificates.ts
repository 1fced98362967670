import { generateKeyPairSync } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { readSecret } from '../settings.ts';
import { type Ca, type Signers, skewMs } from './ca.ts';
import { type CaConfig, type CaFolders, timesOf } from './ca-config.ts';
import { publish } from './ca-publication.ts';
import { pemOf, signLeaf, spkiOf } from './issuing.ts';
import { openMadeCa } from './made-ca.ts';
import { openOwnCa } from './own-ca.ts';

/** Makes leaves for intercepted hosts, signed by this sidecar's CA. */
export interface Certificates extends AsyncDisposable {
  /**
   * A TLS context that proves `host` (a name, or an IP literal without brackets) to a client that trusts our CA. The same one for the same host
   * while its certificate lasts, so that sessions resume. `openedAt`: when the call's task was opened (epoch ms): a successor CA signs only for
   * tasks opened after it was published. Throws when nobody can sign, as when a CA that was brought along has expired.
   */
  contextFor(host: string, openedAt: number): SecureContext | Promise<SecureContext>;
  /** PEM of the CA certificates that clients must trust now: the current one, and the successor once published. */
  readonly trust: string;
}

export interface CertificatesOptions {
  readonly folders: CaFolders;
  /** Told of what an operator should know: a successor was published, or could not be. */
  readonly warn: (message: string) => void;
  readonly now?: () => number;
}

interface Served {
  readonly context: SecureContext;
  readonly renewAt: number;
}

/** A context takes about 40 kB; a wildcard destination lets the agent choose names. */
const mostContexts = 500;
const leafMs = 7 * 86_400_000;
const sessionSeconds = 3600;

/** Opens the CA, making it at the first start, and publishes what clients must trust. Throws when either cannot be done. */
export async function openCertificates(config: CaConfig, options: CertificatesOptions): Promise<Certificates> {
  const { now = Date.now } = options;
  const signers = openSigners(config, { ...options, now });
  // One key for all leaves of this process: making one takes longer than signing a leaf.
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = spkiOf(privateKey);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const served = new LRUCache<string, Served>({ max: mostContexts });

  const serve = (ca: Ca, host: string, at: number): Served => {
    const notAfterAt = Math.min(at + leafMs, ca.notAfterAt);
    const validity = { notBeforeAt: Math.max(at - skewMs, ca.notBeforeAt), notAfterAt };
    const cert = `${pemOf(signLeaf(ca.issuer, host, { publicKey, validity }))}${ca.chain}`;
    return {
      context: createSecureContext({ key, cert, minVersion: 'TLSv1.2', sessionTimeout: sessionSeconds }),
      renewAt: notAfterAt - (notAfterAt - at) / 3,
    };
  };
  return {
    contextFor(host, openedAt) {
      const ca = signers.signerFor(openedAt);
      const at = now();
      const name = `${ca.id} ${host}`;
      const known = served.get(name);
      if (known !== undefined && at < known.renewAt) return known.context;
      const fresh = serve(ca, host, at);
      served.set(name, fresh);
      return fresh.context;
    },
    get trust() {
      return signers.trust;
    },
    [Symbol.asyncDispose]: async () => signers[Symbol.dispose](),
  };
}

function openSigners(config: CaConfig, { folders, now, warn }: Required<CertificatesOptions>): Signers {
  const { certificate, key } = config;
  const { directory } = folders;
  const makeKnown = (trust: string): void => publish(folders.publish, trust);
  if (certificate === undefined || key === undefined) return openMadeCa({ directory, ...timesOf(config), now, publish: makeKnown, warn });
  const own = openOwnCa({ certificate: readSecret(certificate).reveal(), key: readSecret(key).reveal() }, now);
  makeKnown(own.trust);
  return own;
}
