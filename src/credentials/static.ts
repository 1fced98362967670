import { refuse } from '../errors.ts';
import { Secret } from '../secret.ts';
import { date, readSecret, secretReference, z } from '../settings.ts';
import type { CredentialProvider, IssuedCredential, NotIssued } from './credential.ts';

/** A secret that cannot be issued per task, with a date and a reason: shared by all tasks, legacy in every record. */
export const kind = 'static';

export const config = z.strictObject({
  kind: z.literal('static'),
  header: z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected a header name')
    .toLowerCase()
    .refine((name) => !framing.has(name), 'this header is not one that a credential travels in'),
  value: secretReference,
  prefix: z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'expected printable characters')
    .default('')
    .meta({ examples: ['Bearer '] }),
  expires: date.meta({ description: 'refused after this day' }),
  reason: z.string().min(1).meta({ description: 'why there is no better way' }),
});

export type StaticConfig = z.output<typeof config>;

export interface StaticDeps {
  readonly now?: () => number;
}

const framing = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'via',
]);

/** Nothing is issued: each task gets a lease on the same secret, which is read anew for it. */
export function create(settings: StaticConfig, { now = Date.now }: StaticDeps = {}): CredentialProvider {
  const { value } = settings;
  const inputs = [
    settings.header,
    settings.prefix,
    'file' in value ? 'file' : 'env',
    'file' in value ? value.file : value.env,
    String(settings.expires),
  ];
  return {
    kind,
    shared: true,
    legacy: true,
    audience: undefined,
    scope: undefined,
    issuer: undefined,
    get longestLifeMs() {
      return Math.max(0, settings.expires - now());
    },
    cacheKey: () => inputs,
    async issue(): Promise<IssuedCredential | NotIssued> {
      if (now() >= settings.expires) return none('credential_expired', 'the static credential has passed its date');
      const secret = readOrReason(settings);
      if (typeof secret === 'string') return none('credential_unavailable', secret);
      return { headers: [[settings.header, new Secret(settings.prefix + secret.reveal())]], secret, expiresAt: settings.expires };
    },
  };
}

function readOrReason({ value }: StaticConfig): Secret | string {
  const name = 'file' in value ? value.file : `$${value.env}`;
  try {
    const secret = readSecret(value);
    // CR, LF and NUL would end the field (CWE-113); the rest cannot be written in one.
    return /^[\x20-\x7e\x80-\xff]+$/.test(secret.reveal()) ? secret : `the secret at ${name} cannot be sent in a header field`;
  } catch (error) {
    return error instanceof Error && !('code' in error) ? error.message : `the secret at ${name} cannot be read`;
  }
}

function none(code: 'credential_expired' | 'credential_unavailable', reason: string): NotIssued {
  return { notIssued: refuse(code), reason, outage: false };
}
