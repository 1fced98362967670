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
  /** Says how the answer may be coded or cut: sent on so that the answer can be searched for an echoed credential. */
  readonly asks: boolean;
}

/** Offers subprotocols (RFC 6455 §11.3.4); browsers, which can set no other field, put credentials there. */
export const protocolsField = 'sec-websocket-protocol';

const plain: Field = { once: false, hop: false, credential: false, strip: false, refuse: false, nominate: true, asks: false };
/** A `*` at one end of a name stands for anything, `*-` also for nothing; such a row gives way to one with the whole name. */
const rows: [names: string, field: Partial<Field>][] = [
  ['host', { once: true, nominate: false }],
  ['content-length content-type content-range content-location content-encoding', { once: true, nominate: false }],
  ['date expect from if-modified-since if-unmodified-since max-forwards referer user-agent', { once: true, nominate: false }],
  ['origin sec-fetch-site', { once: true, nominate: false }],
  ['content-language content-disposition content-digest repr-digest traceparent tracestate', { nominate: false }],
  ['sec-websocket-key sec-websocket-version sec-websocket-accept', { once: true, nominate: false }],
  [protocolsField, { nominate: false }],
  ['range if-range', { once: true, nominate: false, asks: true }],
  ['accept-encoding grpc-accept-encoding', { asks: true }],
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
    'apikey x-apikey x-auth-key x-auth-email x-authorization authentication x-token x-session-token dd-application-key x-rapidapi-key',
    { credential: true, nominate: false },
  ],
  [
    'x-consul-token x-nomad-token x-gitlab-token x-figma-token circle-token x-plex-token x-tableau-auth x-jfrog-art-api x-honeycomb-team fastly-key',
    { credential: true, nominate: false },
  ],
  ['*-api-key *-apikey *-api-token *-access-token *-auth-token *-id-token', { credential: true, nominate: false }],
  [
    '*-user-token *-service-token *-server-token *-account-token *-master-key *-client-secret *-admin-secret',
    { credential: true, nominate: false },
  ],
  [
    'dpop txn-token workload-identity-token workload-proof-token oauth-client-attestation oauth-client-attestation-pop',
    { once: true, credential: true, nominate: false },
  ],
  ['signature signature-input x-hub-signature x-hub-signature-256', { credential: true, nominate: false }],
  [
    'x-forwarded-client-cert client-cert client-cert-chain x-ssl-client-* ssl-client-* x-spiffe-id remote-user remote-groups remote-email remote-name',
    { credential: true, nominate: false },
  ],
  // What gateways in front of an application tell it about its caller, and what makes an API server act as another one.
  [
    'x-forwarded-user x-forwarded-email x-forwarded-groups x-forwarded-preferred-username x-forwarded-access-token x-remote-* impersonate-*',
    { credential: true, nominate: false },
  ],
  [
    'cf-access-* x-goog-iap-* x-goog-authenticated-user-* x-amzn-oidc-* x-ms-client-principal* x-ms-token-* x-auth-request-*',
    { credential: true, nominate: false },
  ],
  ['exeat-task', { once: true, strip: true, nominate: false }],
  [
    'metadata-flavor metadata x-aws-ec2-metadata-token x-aws-ec2-metadata-token-ttl-seconds x-identity-header',
    { strip: true, nominate: false },
  ],
  [
    'forwarded via x-forwarded-* x-real-ip x-client-ip x-cluster-client-ip true-client-ip cf-connecting-ip cf-connecting-ipv6 fastly-client-ip',
    { strip: true, nominate: false },
  ],
  [
    'x-remote-ip x-remote-addr x-originating-ip x-azure-clientip x-azure-socketip x-envoy-* x-appengine-*',
    { strip: true, nominate: false },
  ],
  // CGI programs find it in HTTP_PROXY and make it their proxy.
  ['proxy', { strip: true, nominate: false }],
  ['x-http-method-override x-http-method x-method-override x-original-method', { refuse: true, nominate: false }],
  ['x-original-url x-original-uri x-rewrite-url x-original-host x-http-host-override', { refuse: true, nominate: false }],
];

const known = new Map<string, Field>();
const patterns: [begin: string, end: string, field: Field][] = [];
for (const [names, row] of rows) {
  for (const name of names.split(' ')) {
    const [begin = '', end] = name.split('*');
    if (end === undefined) known.set(name, { ...plain, ...row });
    else patterns.push([begin, end, { ...plain, ...row }]);
  }
}

const queryCredentials = new Set(
  'key api_key apikey api-key access_token accesstoken auth_token token id_token refresh_token private_token client_secret client_assertion secret password sig signature x-amz-signature x-amz-credential x-amz-security-token x-goog-signature x-goog-credential subscription-key'.split(
    ' ',
  ),
);

/** A field name, once for each of its spellings. */
export interface FieldName {
  /** In lower case and with `-` for `_`, as an origin behind CGI or WSGI reads it. */
  readonly lower: string;
  /** Undefined for one that only passes. */
  readonly field: Field | undefined;
  /** Spelt with `_`: not the field by RFC 9110, but taken for it by some. Nothing is read from it; unless it is removed anyway, it is refused. */
  readonly twin: boolean;
}

const spellings = new Map<string, FieldName>();
/** Agents choose names: what is remembered has a bound. */
const maxSpellings = 2048;

/** By any spelling. Clients repeat theirs, so that one look-up saves the conversion and the other look-up. */
export function fieldName(spelling: string): FieldName {
  const seen = spellings.get(spelling);
  if (seen !== undefined) return seen;
  const lower = spelling.toLowerCase().replaceAll('_', '-');
  const twin = spelling.includes('_');
  const field = known.get(lower) ?? patterns.find(([begin, end]) => lower.startsWith(begin) && `-${lower}`.endsWith(end))?.[2];
  const isRemoved = field === undefined || field.credential || field.strip;
  const name = { lower, field: twin && !isRemoved ? { ...field, refuse: true } : field, twin };
  if (spellings.size >= maxSpellings) spellings.clear();
  spellings.set(spelling, name);
  return name;
}

/** It may be listed in `Connection`: not end-to-end, not ours, not one that a later hop relies on. */
export function mayBeNominated({ lower, field = plain }: FieldName): boolean {
  return !/^(mcp-|exeat-|workload-|signature|content-|sec-|x-exeat-)/.test(lower) && field.nominate;
}

/** The first of these query parameter names (in lower case) that carries a credential and that `keep` does not let pass. */
export function credentialAmong(names: readonly string[], keep: ReadonlySet<string>): string | undefined {
  for (const name of names) {
    const lower = name.toLowerCase();
    if (queryCredentials.has(lower) && !keep.has(lower)) return lower;
  }
  return undefined;
}

const credentialProtocols = /^(?:openai-insecure-api-key\.|base64url\.bearer\.|(?:authorization|bearer|access_token)\.|header-[\w-]{16})/i;

/** The subprotocols that carry no credential; '' when there are none. */
export function plainProtocols(offered: string): string {
  const tokens = offered.split(',');
  const pass = tokens.filter((token) => !credentialProtocols.test(token.trim()));
  return pass.length === tokens.length ? offered : pass.join(',').trim();
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
