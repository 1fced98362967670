import type { Target } from '../destination.ts';

/** Calls that create standing access: keys, tokens, grants, hooks, members. Any writing one but DELETE, to one of these paths. */
interface MintRow {
  readonly of: string;
  /** In lower case. Any base path may stand before. `*`: anything within a segment; `{a,b}`: either; a closing `/**`: and whatever follows, or nothing. */
  readonly paths?: readonly string[];
  /** Only at these hosts: the paths say too little by themselves, or there are none. Else at any, for gateways and servers of one's own. */
  readonly host?: RegExp;
  /** Only where this stands before. */
  readonly below?: string;
  /** Reading counts too. */
  readonly read?: true;
}

// Only method, host and path are looked at. Where the body says what is done (GraphQL, the query APIs of AWS) every call counts; what only a
// header or a query says (X-Amz-Target, S3's ?policy) is not seen. Matching takes time in proportion to the path, whatever the agent sends.
const rows: readonly MintRow[] = [
  {
    of: 'GitHub',
    paths: [
      'user/{keys,gpg_keys,ssh_signing_keys,codespaces/secrets,repository_invitations,memberships,installations}/**',
      '{repos/*/*,repositories/*}/{keys,hooks,collaborators,invitations,forks,transfer,rulesets}/**',
      '{repos/*/*,repositories/*}/{actions,agents,codespaces,dependabot,environments/*}/secrets/**',
      '{repos/*/*,repositories/*,orgs/*,organizations/*,enterprises/*}/actions/{hosted-runners,oidc,permissions,runner-groups,runners}/**',
      'protection/restrictions/{apps,teams,users}/**',
      '{orgs,organizations}/*/{access-tokens,groups,hooks,invitations,invites,members,memberships,outside_collaborators,team,teams}/**',
      '{orgs,organizations}/*/{organization-roles,personal-access-token-requests,personal-access-tokens,private-registries}/**',
      '{orgs,organizations}/*/{rulesets,security-managers,codespaces/access,{actions,agents,codespaces,dependabot}/secrets}/**',
      'enterprises/*/{apps,teams}/**',
      'teams/*/{members,memberships,repos}/**',
      'installations/*/access_tokens',
      'app/hook/config',
      'app-manifests/*/conversions',
      'applications/*/{token,tokens}/**',
      'login/device/code',
      // The administration of a server of one's own.
      'api/v3/{admin,authorizations}/**',
      'manage/v1/{access,config}/**',
      'setup/api/**',
    ],
  },
  {
    of: 'GitLab',
    below: '/api/v4/',
    paths: [
      '{access_tokens,deploy_tokens,impersonation_tokens,job_token_scope,personal_access_tokens,tokens,triggers}/**',
      '{cluster_agents,clusters,deploy_keys,gpg_keys,keys,runners,secure_files,ssh_certificates,variables}/**',
      '{access_requests,invitations,ldap_group_links,member_roles,members,saml_group_links,service_accounts,share,users}/**',
      '{hooks,integrations,protected_branches,protected_environments,protected_tags,remote_mirrors,services,transfer}/**',
      '{admin,applications,application/settings}/**',
    ],
  },
  { of: 'Gitea and Forgejo', paths: ['api/v1/{admin,user/{actions,applications,gpg_keys,hooks,keys},users/*/tokens}/**'] },
  { of: 'OpenAI', paths: ['v1/organization/**', '{realtime,realtimeapi,chatkit}/{client_secrets,sessions,transcription_sessions}'] },
  { of: 'Anthropic', host: /(?:^|\.)anthropic\.com$/, paths: ['v1/organizations/**'] },
  {
    of: 'Anthropic',
    paths: ['v1/organizations/{api_keys,federation_issuers,federation_rules,invites,service_accounts,users,workspaces}/**'],
  },
  {
    of: 'Slack',
    read: true,
    paths: [
      'api/{admin.*,apps.connections.open,apps.manifest.*,files.sharedpublicurl,oauth.*,openid.connect.token,tooling.tokens.*}',
      'api/conversations.{invite,inviteshared,acceptsharedinvite,approvesharedinvite}',
      'api/usergroups.{create,enable,update,users.update}',
    ],
  },
  { of: 'Atlassian', host: /(?:^|\.)api\.atlassian\.com$/, paths: ['admin/**'] },
  {
    of: 'Atlassian',
    below: '/rest/',
    paths: [
      '{access-tokens,applinks,atlassian-connect,gpg,keys,pat,ssh,webhook,webhooks}/**',
      '{group,permission,permissions,permissionscheme,restriction,restrictions,role,user}/**',
    ],
  },
  {
    of: 'Atlassian',
    paths: [
      'users/*/{manage/api-tokens,gpg-keys,ssh-keys}/**',
      'repositories/*/*/{deploy-keys,forks,groups,hooks,permissions-config,pipelines_config,webhooks}/**',
      'workspaces/*/{hooks,members,permissions,pipelines-config}/**',
    ],
  },
  {
    of: 'Cloudflare',
    below: '/client/v4/',
    paths: [
      '{access,api_keys,certificates,cfd_tunnel,client_certificates,iam,members,memberships,roles}/**',
      '{rotate_secret,secrets,service_tokens,temp-access-credentials,tokens,webhooks}/**',
    ],
  },
  {
    of: 'npm',
    paths: [
      '-/{npm/v1/{hooks,oidc,tokens,user},org,team,user,v1/login}/**',
      '-/package/{*,*/*}/{access,collaborators,trust}/**',
      // Owners of a package.
      '-rev/**',
    ],
  },
  { of: 'PyPI', paths: ['_/oidc/**'] },
  { of: 'PyPI', host: /(?:^|\.)pypi\.org$/, paths: ['{account,manage}/**'] },
  { of: 'Docker Hub', paths: ['v2/{access-tokens,auth/token,invites,users/2fa-login,users/login}/**'] },
  {
    of: 'AWS',
    read: true,
    host: /(?:^|\.)(?:cognito-identity|cognito-idp|iam|identitystore|oidc|organizations|rolesanywhere|signin|sso|sts)(?:-fips)?\.(?:[\w-]+\.)*(?:amazonaws\.com(?:\.cn)?|api\.aws)$/,
  },
  {
    of: 'Google',
    paths: ['*:{generateaccesstoken,generateidtoken,setiampolicy,signblob,signjwt}', 'serviceaccounts/**'],
  },
  { of: 'Google', host: /(?:^|\.)googleapis\.com$/, paths: ['token'] },
  {
    of: 'Microsoft',
    paths: [
      'microsoft.authorization/**',
      '{regeneratekey,regeneratekeys,listaccountsas,listservicesas}',
      '{applications,serviceprincipals}/*/{addkey,addpassword,approleassignments,federatedidentitycredentials,owners}/**',
      '{directoryroles,oauth2permissiongrants,rolemanagement}/**',
      'groups/*/{members,owners}/**',
    ],
  },
  { of: 'Microsoft', host: /^graph\.microsoft\./, paths: ['{applications,invitations,subscriptions,users}'] },
  { of: 'Vault', read: true, paths: ['v1/*/creds/*', 'v1/{aws*,gcp*}/{key,sts,token}/**', 'v1/identity/oidc/token/*'] },
  {
    of: 'Vault',
    paths: [
      'v1/{auth,*/auth,identity}/**',
      'v1/sys/{auth,generate-root,mounts,namespaces,policies,policy}/**',
      'v1/{pki*,ssh*}/{intermediate,issue,keys,role,roles,root,sign,sign-intermediate,sign-verbatim}/**',
    ],
  },
  {
    of: 'Kubernetes',
    paths: [
      'namespaces/*/{secrets,serviceaccounts}/**',
      'apis/{admissionregistration,certificates,rbac.authorization}.k8s.io/**',
      'apis/{oauth,user}.openshift.io/**',
    ],
  },
  {
    of: 'anyone',
    paths: [
      'graphql',
      '{oauth,oauth2,openid-connect}/{access_token,accesstoken,applications,authorize_device,clients,device,device_authorization}/**',
      '{oauth,oauth2,openid-connect}/{register,token,tokens,*/access_token,*/accesstoken,*/token}/**',
      'scim/**',
      '{api,access,deploy,ephemeral,gpg,ssh}{_,-}keys',
      '{access,api,deploy,personal-access,personal_access,service}{_,-}tokens',
      '{apikeys,client_secrets,client-secrets,collaborators,invitations,invites,memberships,webhooks,webhook_endpoints}',
      '{role_assignments,role-assignments,role_bindings,role-bindings,rolebindings,service_accounts,service-accounts}',
    ],
  },
];

interface Check {
  readonly host: RegExp | undefined;
  readonly below: string | undefined;
  readonly path: RegExp | undefined;
}

const whenReading = checksOf(rows.filter(({ read }) => read === true));
const whenWriting = checksOf(rows);
const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether this call would leave standing access behind it. Case-insensitive in the path: some origins are. */
export function mintsAccess(method: string, { host, path }: Target): boolean {
  if (method === 'DELETE') return false;
  const lower = path.toLowerCase();
  for (const check of reading.has(method) ? whenReading : whenWriting) {
    if (check.host !== undefined && !check.host.test(host)) continue;
    if (check.below !== undefined && !lower.includes(check.below)) continue;
    if (check.path === undefined || check.path.test(lower)) return true;
  }
  return false;
}

/** Rows that hold everywhere become one expression: a call passes the path once. */
function checksOf(some: readonly MintRow[]): readonly Check[] {
  const everywhere = some.filter(({ host, below }) => host === undefined && below === undefined).flatMap(({ paths = [] }) => paths);
  const rest = some.filter(({ host, below }) => host !== undefined || below !== undefined);
  return [
    { host: undefined, below: undefined, path: expressionOf(everywhere) },
    ...rest.map(({ host, below, paths }) => ({ host, below, path: paths && expressionOf(paths) })),
  ];
}

function expressionOf(globs: readonly string[]): RegExp {
  return new RegExp(`/(?:${globs.map(sourceOf).join('|')})`);
}

/** Some origins take a closing slash, or `.json`, for the same path. */
function sourceOf(glob: string): string {
  const open = glob.endsWith('/**');
  const names = (open ? glob.slice(0, -3) : glob).replaceAll('.', String.raw`\.`).replaceAll('*', '[^/]*');
  const either = names.replaceAll('{', '(?:').replaceAll(',', '|').replaceAll('}', ')');
  return `${either}${open ? '(?:[/.]|$)' : String.raw`(?:\.json)?/?$`}`;
}
