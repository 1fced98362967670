import { duration, secretReference, z } from '../settings.ts';

const longestTokenMs = 300_000;

const listen = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[^:[\]/\s]+):\d{1,5}$/i, 'expected host:port, such as 127.0.0.1:7080')
  .transform((text) => ({
    host: text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, ''),
    port: Number(text.slice(text.lastIndexOf(':') + 1)),
  }))
  .refine(({ port }) => port <= 65_535, 'expected a port of at most 65535');

/** A JWK set (RFC 7517 §5) as it is given inline or found in a file. Keys are looked at one by one when they are used. */
export const jwkSet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) });

const trustedIssuer = z
  .strictObject({
    /** Exactly the `iss` of its tokens; `spiffe://<trust domain>` for SVIDs. */
    issuer: z.string().min(1),
    /** Its tokens speak for the SPIFFE IDs of this trust domain, and for nothing else. */
    trust_domain: z
      .string()
      .regex(/^[a-z0-9._-]{1,255}$/)
      .optional(),
    jwks: jwkSet.optional(),
    jwks_file: z.string().min(1).optional(),
    jwks_url: z.url({ protocol: /^https?$/ }).optional(),
    /** `jwks_url` may have a private address. */
    allow_private: z.boolean().default(false),
    /** PEM file of extra roots for `jwks_url`, beside the public ones. */
    ca: z.string().min(1).optional(),
    /** `jwks_url` may be http, on loopback. */
    unsafe_cleartext: z.boolean().default(false),
    /** Its tokens are subjects only (users): never clients, never actors. */
    subject_only: z.boolean().default(false),
  })
  .refine((entry) => [entry.jwks, entry.jwks_file, entry.jwks_url].filter((given) => given !== undefined).length === 1, {
    error: 'exactly one of jwks, jwks_file and jwks_url is needed',
  })
  .refine(({ jwks_url: url, unsafe_cleartext: allowed }) => url === undefined || confidential(url) || (allowed && onLoopback(url)), {
    error: 'jwks_url must be https (http is for loopback only, with unsafe_cleartext: true)',
  })
  .refine(({ issuer, trust_domain: domain }) => !issuer.startsWith('spiffe://') || [undefined, issuer.slice(9)].includes(domain), {
    error: 'trust_domain must be the one that the issuer names',
  });

const resource = z.strictObject({
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'not a scope token (RFC 6749 §3.3)')).default([]),
  /** Principal ids (`spiffe://…` or `<issuer>|<subject>`) of the workloads that are this resource: they may exchange, introspect and revoke its tokens. */
  workloads: z.array(z.string().min(1)).default([]),
});

const introspectionClient = z.strictObject({
  secret: secretReference,
  /** It sees and revokes tokens for these only; all when left out. */
  resources: z.array(z.string().min(1)).optional(),
});

/** Everything the embedded authority can be told, every default in it. */
export const authorityConfig = z
  .strictObject({
    listen: listen.prefault('127.0.0.1:7080'),
    /** Default: `http://<listen>` on loopback. */
    issuer: z.string().optional(),
    /** State folder. Left out: keys, tokens and revocations are gone when the process ends. */
    data: z.string().min(1).optional(),
    trusted_issuers: z.array(trustedIssuer).min(1, 'at least one issuer must be trusted, or nobody can authenticate'),
    resources: z.record(z.string().min(1), resource).default({}),
    introspection_clients: z.record(z.string().min(1), introspectionClient).default({}),
    token_ttl: duration.refine((ms) => ms >= 1000 && ms <= longestTokenMs, 'expected 1s to 5m').prefault('5m'),
    rotate_keys_every: duration.refine((ms) => ms >= 600_000, 'expected at least 10m').prefault('1d'),
    /** Tokens and assertions travel in clear over a network. */
    unsafe_cleartext: z.boolean().default(false),
  })
  .superRefine((config, context) => {
    const problem = issuerProblem(config);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['issuer'], message: problem });
  });

export type AuthorityConfig = z.output<typeof authorityConfig>;
export type AuthorityInput = z.input<typeof authorityConfig>;
export type TrustedIssuerConfig = z.output<typeof trustedIssuer>;
export type ResourceConfig = z.output<typeof resource>;

/** Longest life of an access token, in ms. */
export const longestTokenLifeMs = longestTokenMs;

function issuerProblem(config: {
  readonly listen: { readonly host: string };
  readonly issuer?: string | undefined;
  readonly unsafe_cleartext: boolean;
}): string | undefined {
  const { issuer } = config;
  if (issuer === undefined) return loopbackHost(config.listen.host) ? undefined : 'an issuer is needed when listening beyond loopback';
  if (!URL.canParse(issuer) || !/^https?:\/\/[^?#@\s]+$/.test(issuer)) return 'expected an https URL without user, query and fragment';
  if (confidential(issuer) || onLoopback(issuer) || config.unsafe_cleartext) return undefined;
  return 'tokens would travel in clear: use an https issuer (TLS ends in front of this), or unsafe_cleartext: true';
}

function confidential(url: string): boolean {
  return new URL(url).protocol === 'https:';
}

function onLoopback(url: string): boolean {
  return loopbackHost(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}

function loopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
