import { duration, secretReference, z } from '../settings.ts';

/** How to reach what policy comes from: an engine, or a server of bundles. */
const peerShape = {
  url: z.url({ protocol: /^https?$/ }).refine(hasNoSecret, 'must have no user info, query or fragment: credentials are given by reference'),
  token: secretReference.optional().meta({ description: 'bearer token, read anew for each request' }),
  ca: z.string().min(1).optional().meta({ description: 'PEM file of roots to trust beside the public ones' }),
  allow_private: z.boolean().default(false),
  unsafe_cleartext: z.boolean().default(false).meta({ description: 'http, to loopback only' }),
};

function hasNoSecret(url: string): boolean {
  // What is no URL has been told as that.
  if (!URL.canParse(url)) return true;
  const { username, password } = new URL(url);
  return username === '' && password === '' && !/[?#]/.test(url);
}

const inClear = { path: ['url'], error: 'must be https; http only to loopback, with unsafe_cleartext: true' };

function mayTravel({ url, unsafe_cleartext: cleartext }: { readonly url: string; readonly unsafe_cleartext: boolean }): boolean {
  return url.startsWith('https:') || cleartext;
}

/** A policy engine that is asked over the network. */
export const serverConfig = z
  .strictObject({
    ...peerShape,
    timeout: duration.prefault('300ms').meta({ description: 'of the whole question; then the call is refused' }),
    cache: duration
      .prefault('0s')
      .meta({ description: 'how long an allow for a call that is the same in all but the time is kept; the engine may say less (ttl_ms)' }),
  })
  .refine(mayTravel, inClear);

const signatureAlgorithm = z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']);

/** Policies as a signed archive (OPA's bundle format) that is pulled from a URL. */
export const bundleConfig = z
  .strictObject({
    ...peerShape,
    keys: z
      .record(z.string().min(1), z.strictObject({ file: z.string().min(1), algorithm: signatureAlgorithm }))
      .refine((keys) => Object.keys(keys).length > 0, 'names no key')
      .meta({ description: 'public keys (PEM) that may sign, by the key id in the signature' }),
    scope: z.string().optional().meta({ description: 'what the signature must be for' }),
    poll: duration.prefault('1m').meta({ description: 'how often a newer one is looked for' }),
    max_stale: duration
      .optional()
      .meta({ description: 'when nobody could say for so long that it is the newest, only reads are decided; the others are refused' }),
  })
  .refine(mayTravel, inClear)
  .refine(({ poll }) => poll >= 1000, { path: ['poll'], error: 'expected at least 1s' });

export type ServerConfig = z.output<typeof serverConfig>;
export type BundleConfig = z.output<typeof bundleConfig>;
