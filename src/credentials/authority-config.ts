import { duration, z } from '../settings.ts';

const connectTo = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[^:[\]/\s]+):\d{1,5}$/i, 'expected host:port')
  .transform((text) => ({
    host: text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, ''),
    port: Number(text.slice(text.lastIndexOf(':') + 1)),
  }));

/** The top-level `authority:` key: the OAuth authorization server that issues tokens, and how we authenticate to it. */
export const authorityClientConfig = z
  .strictObject({
    issuer: z
      .string()
      .refine(isIssuer, 'expected an https URL without query, fragment or user info')
      .meta({ examples: ['https://idp.example.com'] }),
    client_authentication: z
      .enum(['workload_jwt'])
      .default('workload_jwt')
      .meta({ description: 'the workload identity is the client assertion' }),
    registration: z.literal('none').default('none').meta({ description: 'the authority knows our issuer; nobody signs up' }),
    assertion_audience: z
      .string()
      .min(1)
      .default('issuer')
      .meta({ description: '"issuer", "token_endpoint" or a literal value; the only audience of the assertion, never tried in turn' }),
    connect_to: connectTo.optional(),
    allow_private: z.boolean().default(false),
    ca: z.string().min(1).optional().meta({ description: 'PEM file of roots to trust beside the public ones' }),
    unsafe_cleartext: z.boolean().default(false).meta({ description: 'lets tokens travel over http, to loopback only' }),
    timeouts: z
      .strictObject({ connect: duration.prefault('5s'), headers: duration.prefault('10s'), idle: duration.prefault('10s') })
      .prefault({}),
  })
  .refine(({ issuer, unsafe_cleartext: cleartext }) => mayTravel(issuer, cleartext), {
    path: ['issuer'],
    error: 'must be https; http only to loopback, with unsafe_cleartext: true',
  });

export type AuthorityClientConfig = z.output<typeof authorityClientConfig>;

/** Whether a token may be sent to this URL: https, or http to loopback where that is allowed. */
export function mayTravel(url: string, cleartext: boolean): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return true;
  return protocol === 'http:' && cleartext && (hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname));
}

function isIssuer(text: string): boolean {
  if (!/^https?:\/\/[^?#\s@]+$/.test(text)) return false;
  return URL.canParse(text);
}
