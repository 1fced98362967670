import type { Target } from '../destination.ts';

/** Calls that create standing access: keys, tokens, grants, hooks, members. Patterns are matched against `METHOD path`. */
interface MintRow {
  readonly host: RegExp;
  readonly calls: readonly RegExp[];
}

const rows: readonly MintRow[] = [
  {
    host: /^api\.github\.com$|^github\./,
    calls: [
      /^POST (?:\/api\/v3)?\/user\/(?:keys|gpg_keys|ssh_signing_keys)$/,
      /^POST (?:\/api\/v3)?\/repos\/[^/]+\/[^/]+\/(?:keys|hooks|forks|transfer)$/,
      /^PATCH (?:\/api\/v3)?\/repos\/[^/]+\/[^/]+\/hooks\/[^/]+(?:\/config)?$/,
      /^PUT (?:\/api\/v3)?\/repos\/[^/]+\/[^/]+\/(?:collaborators\/[^/]+|(?:actions|dependabot|codespaces)\/secrets\/[^/]+)$/,
      /^(?:POST|PUT|PATCH) (?:\/api\/v3)?\/orgs\/[^/]+\/(?:hooks|invitations|memberships|members|teams|personal-access-token|outside_collaborators|actions\/secrets)(?:\/.*)?$/,
      /^PUT (?:\/api\/v3)?\/(?:orgs\/[^/]+\/teams|teams)\/[^/]+\/(?:members|memberships|repos)\/.+$/,
      /^POST (?:\/api\/v3)?\/app\/installations\/[^/]+\/access_tokens$/,
      /^POST (?:\/api\/v3)?\/app-manifests\/.+$/,
      /^POST (?:\/api\/v3)?\/applications\/.+$/,
      /^POST (?:\/api\/v3)?\/(?:repos\/[^/]+\/[^/]+|orgs\/[^/]+|enterprises\/[^/]+)\/actions\/runners\/(?:registration-token|remove-token|generate-jitconfig)$/,
    ],
  },
  {
    host: /^gitlab\./,
    calls: [
      /^(?:POST|PUT) \/api\/v4\/.*\/(?:access_tokens|personal_access_tokens|impersonation_tokens|deploy_keys|deploy_tokens|hooks|members|invitations|share|triggers|variables|ssh_certificates)(?:\/.*)?$/,
      /^POST \/api\/v4\/(?:user\/keys|user\/gpg_keys|user\/runners|runners|applications|hooks|personal_access_tokens\/.*|users\/[^/]+\/.*)$/,
    ],
  },
  {
    host: /^api\.openai\.com$/,
    calls: [/^POST \/v1\/organization\/.*(?:api_keys|admin_api_keys|service_accounts|invites|users|certificates).*$/],
  },
  { host: /^api\.anthropic\.com$/, calls: [/^POST \/v1\/organizations\/.*(?:api_keys|invites|members|users).*$/] },
  { host: /^slack\.com$/, calls: [/^[A-Z]+ \/api\/(?:oauth\.|apps\.(?:manifest|connections)\.|admin\.|tooling\.tokens\.).*$/] },
  { host: /(?:^|\.)atlassian\.(?:com|net)$/, calls: [/^(?:POST|PUT) .*\/(?:webhook|api-token|permissions?|members?|invite)(?:[/?].*)?$/] },
  { host: /^api\.cloudflare\.com$/, calls: [/^(?:POST|PUT) \/client\/v4\/.*(?:tokens|members|service_tokens|api_keys).*$/] },
  {
    host: /^registry\.npmjs\.org$/,
    calls: [/^(?:POST|PUT) \/-\/(?:npm\/v1\/tokens|user\/|team\/|org\/|package\/.*\/(?:access|collaborators)).*$/],
  },
];

/** Whether this call would leave standing access behind it. Case-insensitive in the path: some origins are. */
export function mintsAccess(method: string, target: Target): boolean {
  for (const row of rows) {
    if (!row.host.test(target.host)) continue;
    const call = `${method} ${target.path.length > 1 ? target.path.replace(/\/$/, '') : target.path}`;
    return row.calls.some((pattern) => pattern.test(call) || pattern.test(`${method} ${call.slice(method.length + 1).toLowerCase()}`));
  }
  return false;
}
