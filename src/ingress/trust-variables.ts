import { isAbsolute, join, resolve } from 'node:path';
import { published } from './ca-publication.ts';

/** An environment variable by which clients learn whom to trust. */
export interface TrustVariable {
  readonly name: string;
  /** Which of the published files: one that replaces a client's roots must hold the public ones too. */
  readonly file: keyof typeof published;
  /** Who reads it, and what it does there. */
  readonly reason: string;
  /** The value, where it is more than the path: made of what the variable holds already. */
  readonly value?: (path: string, inherited: string) => string;
}

/** The only list of them; what is not here is a client that needs a setting of its own. */
export const trustVariables: readonly TrustVariable[] = [
  {
    name: 'SSL_CERT_FILE',
    file: 'bundle',
    reason: 'OpenSSL and what is built on it, Python ssl, httpx and aiohttp, Go, Ruby, .NET, rustls with native roots, uv: replaces',
  },
  { name: 'NIX_SSL_CERT_FILE', file: 'bundle', reason: 'programs from nixpkgs, which ask it before SSL_CERT_FILE: replaces' },
  { name: 'REQUESTS_CA_BUNDLE', file: 'bundle', reason: 'Python requests, which ships roots of its own: replaces' },
  { name: 'PIP_CERT', file: 'bundle', reason: 'pip: replaces' },
  { name: 'HTTPLIB2_CA_CERTS', file: 'bundle', reason: 'Python httplib2, under older Google clients: replaces' },
  { name: 'WEBSOCKET_CLIENT_CA_BUNDLE', file: 'bundle', reason: 'Python websocket-client: replaces' },
  { name: 'CURL_CA_BUNDLE', file: 'bundle', reason: 'curl, also when built with GnuTLS: replaces' },
  { name: 'GIT_SSL_CAINFO', file: 'bundle', reason: 'git, which hands it to its libcurl: replaces' },
  { name: 'CARGO_HTTP_CAINFO', file: 'bundle', reason: 'cargo: replaces' },
  { name: 'AWS_CA_BUNDLE', file: 'bundle', reason: 'AWS CLI and SDKs, which ship roots of their own: replaces' },
  { name: 'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE', file: 'bundle', reason: 'gcloud: replaces' },
  { name: 'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH', file: 'bundle', reason: 'gRPC (C core and grpc-js), which ships roots of its own: replaces' },
  { name: 'PERL_LWP_SSL_CA_FILE', file: 'bundle', reason: 'Perl LWP, which may ship roots of its own: replaces' },
  { name: 'NODE_EXTRA_CA_CERTS', file: 'ca', reason: 'Node and Bun, beside their own roots: adds' },
  { name: 'DENO_CERT', file: 'ca', reason: 'Deno, beside its own roots: adds' },
  { name: 'JAVA_TOOL_OPTIONS', file: 'truststore', reason: 'every JVM, which reads no PEM: replaces', value: javaOptions },
];

/** What to set for clients that see the published files in `folder`; `inherited` is what they would have anyway. */
export function trustEnvironment(folder: string, inherited: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const whole = isAbsolute(folder) ? folder : resolve(folder);
  return Object.fromEntries(
    trustVariables.map(({ name, file, value }) => {
      const path = join(whole, published[file]);
      return [name, value === undefined ? path : value(path, inherited[name] ?? '')];
    }),
  );
}

/** Of an option given twice the JVM takes the last. */
function javaOptions(path: string, inherited: string): string {
  const quoted = /\s/.test(path) ? `"${path}"` : path;
  const ours = `-Djavax.net.ssl.trustStore=${quoted} -Djavax.net.ssl.trustStoreType=PKCS12`;
  return inherited === '' || inherited.endsWith(ours) ? inherited || ours : `${inherited} ${ours}`;
}
