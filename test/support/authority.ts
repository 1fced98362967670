import * as oauth from 'oauth4webapi';
import { startAuthority } from '../../src/authority/authority.ts';
import type { AuthorityOptions, RunningAuthority } from '../../src/authority/authority.ts';
import { createGuardedFetch } from '../../src/egress/client.ts';
import { createWorkloadIssuer } from './workload-issuer.ts';
import type { WorkloadIssuer } from './workload-issuer.ts';

export const agent = 'spiffe://acme.example/agents/triage';
export const tickets = 'https://tickets.example.com';
export const tokenType = 'urn:ietf:params:oauth:token-type:';

/** A real authority on a free port, an issuer it trusts for `acme.example`, and one it trusts for users only. */
export interface AuthorityFixture extends AsyncDisposable {
  readonly authority: RunningAuthority;
  readonly workloads: WorkloadIssuer;
  readonly users: WorkloadIssuer;
  /** A workload JWT for this authority. */
  workloadToken(subject?: string): Promise<string>;
  /** POSTs a form as it is given. */
  post(path: string, form: string | Record<string, string> | string[][], headers?: Record<string, string>): Promise<Response>;
  /** The parameters of a good exchange by `agent` for itself, to be changed. */
  exchangeForm(changes?: Record<string, string | undefined>, subject?: string): Promise<Record<string, string>>;
  /** Exchanges, expecting success. */
  exchange(changes?: Record<string, string | undefined>, subject?: string): Promise<Record<string, unknown> & { access_token: string }>;
}

export async function startAuthorityFixture(options: Partial<AuthorityOptions> = {}): Promise<AuthorityFixture> {
  const workloads = await createWorkloadIssuer('spiffe://acme.example');
  const users = await createWorkloadIssuer('https://users.example');
  const authority = await startAuthority({
    listen: '127.0.0.1:0',
    trusted_issuers: [
      { issuer: workloads.issuer, jwks: workloads.jwks },
      { issuer: users.issuer, jwks: users.jwks, subject_only: true },
    ],
    resources: { [tickets]: { scopes: ['tickets:read', 'tickets:write'] }, 'https://other.example': { scopes: ['tickets:read', 'other'] } },
    openFetch: (network) => createGuardedFetch(network, { ownPorts: new Set() }),
    ...options,
  });
  const workloadToken = (subject = agent): Promise<string> => workloads.token({ sub: subject, aud: authority.issuer });

  const post: AuthorityFixture['post'] = (path, form, headers) =>
    fetch(authority.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    });

  const exchangeForm: AuthorityFixture['exchangeForm'] = async (changes = {}, subject = agent) => {
    const jwt = await workloadToken(subject);
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: jwt,
      subject_token_type: `${tokenType}jwt`,
      resource: tickets,
      scope: 'tickets:read',
      ...assertion(jwt),
      ...changes,
    };
    return Object.fromEntries(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined));
  };

  return {
    authority,
    workloads,
    users,
    workloadToken,
    post,
    exchangeForm,
    exchange: async (changes, subject) => {
      const response = await post('/token', await exchangeForm(changes, subject));
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${response.status} ${text}`);
      return JSON.parse(text) as Awaited<ReturnType<AuthorityFixture['exchange']>>;
    },
    [Symbol.asyncDispose]: () => authority.close(),
  };
}

/** Client authentication by a workload JWT, as form parameters. */
export function assertion(jwt: string): { client_assertion_type: string; client_assertion: string } {
  return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: jwt };
}

/** The same for oauth4webapi. */
export function workloadAuth(jwt: string): oauth.ClientAuth {
  return (_as, client, body) => {
    body.set('client_id', client.client_id);
    for (const [name, value] of Object.entries(assertion(jwt))) body.set(name, value);
  };
}

/** What lets oauth4webapi speak http to loopback. */
export const insecure = { [oauth.allowInsecureRequests]: true } as const;
