/** What Exeat knows about a header field. One table; the passes over a message never enumerate names themselves. */
export interface Field {
  /** May stand once only: a second one is refused (RFC 9110 §5.3). */
  readonly once: boolean;
  /** Stays on its hop (RFC 9110 §7.6.1). */
  readonly hop: boolean;
  /** A credential of the agent's own, or something that selects one. */
  readonly credential: boolean;
  /** Removed from requests without being a credential: says who forwarded what, or asks a metadata service for secrets. */
  readonly strip: boolean;
  /** A request that carries it is refused: it changes what the request means behind policy's back. */
  readonly refuse: boolean;
  /** End-to-end, and not to be named in `Connection`, which would make a later hop drop it. */
  readonly nominate: boolean;
}

const plain: Field = { once: false, hop: false, credential: false, strip: false, refuse: false, nominate: true };
const rows: [names: string, field: Partial<Field>][] = [
  ['host', { once: true, nominate: false }],
  ['content-length content-type content-range content-location content-encoding', { once: true, nominate: false }],
  ['date expect from if-modified-since if-unmodified-since max-forwards referer user-agent', { once: true, nominate: false }],
  ['content-language content-disposition content-digest repr-digest traceparent tracestate', { nominate: false }],
  ['transfer-encoding', { once: true, hop: true }],
  ['connection proxy-connection keep-alive te upgrade trailer http2-settings', { hop: true }],
  ['proxy-authorization', { once: true, hop: true }],
  ['proxy-authenticate proxy-authentication-info', { hop: true }],
  ['authorization', { once: true, credential: true, nominate: false }],
  ['cookie cookie2', { credential: true, nominate: false }],
  [
    'x-api-key api-key x-goog-api-key x-auth-token x-access-token private-token job-token deploy-token',
    { once: true, credential: true, nominate: false },
  ],
  [
    'x-vault-token x-amz-security-token x-ms-token-aad-id-token x-goog-iam-authorization-token',
    { once: true, credential: true, nominate: false },
  ],
  ['x-functions-key ocp-apim-subscription-key x-shopify-access-token', { once: true, credential: true, nominate: false }],
  [
    'dpop txn-token workload-identity-token workload-proof-token oauth-client-attestation oauth-client-attestation-pop',
    { once: true, credential: true, nominate: false },
  ],
  ['signature signature-input x-hub-signature x-hub-signature-256', { credential: true, nominate: false }],
  [
    'x-forwarded-client-cert client-cert client-cert-chain x-ssl-client-cert x-spiffe-id x-remote-user x-forwarded-user',
    { credential: true, nominate: false },
  ],
  ['exeat-task', { once: true, strip: true, nominate: false }],
  [
    'metadata-flavor metadata x-aws-ec2-metadata-token x-aws-ec2-metadata-token-ttl-seconds x-identity-header',
    { strip: true, nominate: false },
  ],
  [
    'forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-prefix x-real-ip via',
    { strip: true, nominate: false },
  ],
  ['x-http-method-override x-http-method x-method-override', { refuse: true, nominate: false }],
  ['x-original-url x-rewrite-url x-original-host', { refuse: true, nominate: false }],
];

const known: ReadonlyMap<string, Field> = byName();

const queryCredentials = new Set(
  'key api_key apikey api-key access_token accesstoken auth_token token id_token refresh_token private_token client_secret client_assertion secret password sig signature x-amz-signature x-amz-credential x-amz-security-token x-goog-signature x-goog-credential subscription-key'.split(
    ' ',
  ),
);

/** The field by its lower-case name; undefined for one that only passes. */
export function fieldOf(name: string): Field | undefined {
  return known.get(name);
}

/** A field name, once for each of its spellings. */
export interface FieldName {
  readonly lower: string;
  readonly field: Field | undefined;
}

const spellings = new Map<string, FieldName>();
/** Agents choose names: what is remembered has a bound. */
const maxSpellings = 2048;

/** By any spelling. Clients repeat theirs, so that one look-up saves the conversion and the other look-up. */
export function fieldName(spelling: string): FieldName {
  const seen = spellings.get(spelling);
  if (seen !== undefined) return seen;
  const lower = spelling.toLowerCase();
  const name = { lower, field: known.get(lower) };
  if (spellings.size >= maxSpellings) spellings.clear();
  spellings.set(spelling, name);
  return name;
}

/** `name` may be listed in `Connection`: not end-to-end, not ours, not one that a later hop relies on. */
export function mayBeNominated(name: string): boolean {
  return !/^(mcp-|exeat-|workload-|signature|content-|x-exeat-)/.test(name) && (known.get(name) ?? plain).nominate;
}

/** The first of these query parameter names (in lower case) that carries a credential and that `keep` does not let pass. */
export function credentialAmong(names: readonly string[], keep: ReadonlySet<string>): string | undefined {
  for (const name of names) {
    const lower = name.toLowerCase();
    if (queryCredentials.has(lower) && !keep.has(lower)) return lower;
  }
  return undefined;
}

/** Decoded names of the parameters, in order, duplicates kept. `query` with its leading `?`, or ''. */
export function queryNames(query: string): string[] {
  const names: string[] = [];
  if (query.length < 2) return names;
  for (const pair of query.slice(1).split('&')) {
    const equals = pair.indexOf('=');
    const name = equals === -1 ? pair : pair.slice(0, equals);
    if (name !== '') names.push(decoded(name));
  }
  return names;
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

function byName(): Map<string, Field> {
  return new Map(rows.flatMap(([names, field]) => names.split(' ').map((name) => [name, { ...plain, ...field }] as const)));
}
