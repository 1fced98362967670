import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mintsAccess } from '../../src/protocol/mint.ts';
import { destination } from '../support/policy.ts';

// Each line is `METHOD host/path`. Where it comes from stands above it; "unverified" = from memory, not looked up in the vendor's reference.

const minting: Readonly<Record<string, string>> = {
  // docs.github.com/rest; forms by id, /graphql and the host of GHE.com from memory.
  GitHub: `
    POST api.github.com/user/keys
    POST api.github.com/user/gpg_keys
    POST api.github.com/user/ssh_signing_keys
    POST api.github.com/USER/Keys/
    PUT api.github.com/user/codespaces/secrets/X
    PATCH api.github.com/user/repository_invitations/1
    PATCH api.github.com/user/memberships/orgs/acme
    PUT api.github.com/user/installations/1/repositories/2
    POST api.github.com/repos/a/b/keys
    POST api.github.com/repos/a/b/hooks
    PATCH api.github.com/repos/a/b/hooks/1
    PATCH api.github.com/repos/a/b/hooks/1/config
    POST api.github.com/repos/a/b/forks
    POST api.github.com/repos/a/b/transfer
    PUT api.github.com/repos/a/b/collaborators/eve
    PATCH api.github.com/repos/a/b/invitations/1
    PUT api.github.com/repos/a/b/actions/secrets/X
    PUT api.github.com/repos/a/b/dependabot/secrets/X
    PUT api.github.com/repos/a/b/codespaces/secrets/X
    PUT api.github.com/repos/a/b/environments/prod/secrets/X
    POST api.github.com/repos/a/b/actions/runners/registration-token
    POST api.github.com/repos/a/b/actions/runners/generate-jitconfig
    PUT api.github.com/repos/a/b/actions/permissions/workflow
    PUT api.github.com/repos/a/b/actions/oidc/customization/sub
    POST api.github.com/repos/a/b/branches/main/protection/restrictions/users
    POST api.github.com/repos/a/b/branches/feat/x/protection/restrictions/apps
    POST api.github.com/repos/a/b/rulesets
    POST api.github.com/repositories/123/hooks
    POST api.github.com/repositories/123/keys
    PUT api.github.com/repositories/123/collaborators/eve
    PUT api.github.com/repositories/123/environments/prod/secrets/X
    POST api.github.com/orgs/acme/hooks
    PATCH api.github.com/orgs/acme/hooks/1/config
    POST api.github.com/orgs/acme/invitations
    PUT api.github.com/orgs/acme/memberships/eve
    PUT api.github.com/orgs/acme/outside_collaborators/eve
    POST api.github.com/orgs/acme/teams
    PUT api.github.com/orgs/acme/teams/t/memberships/eve
    PUT api.github.com/orgs/acme/teams/t/repos/a/b
    PUT api.github.com/orgs/acme/organization-roles/users/eve/1
    POST api.github.com/orgs/acme/personal-access-tokens
    POST api.github.com/orgs/acme/personal-access-tokens/7
    POST api.github.com/orgs/acme/personal-access-token-requests
    POST api.github.com/orgs/acme/personal-access-token-requests/7
    PUT api.github.com/orgs/acme/actions/secrets/X
    PUT api.github.com/orgs/acme/dependabot/secrets/X
    PUT api.github.com/orgs/acme/codespaces/secrets/X
    POST api.github.com/orgs/acme/actions/runners/registration-token
    POST api.github.com/orgs/acme/actions/runner-groups
    PUT api.github.com/teams/2/members/eve
    PUT api.github.com/teams/2/memberships/eve
    PUT api.github.com/organizations/1/team/2/memberships/eve
    POST api.github.com/organizations/1/personal-access-token-requests/7
    POST api.github.com/enterprises/e/actions/runners/generate-jitconfig
    POST api.github.com/app/installations/1/access_tokens
    PATCH api.github.com/app/hook/config
    POST api.github.com/app-manifests/code/conversions
    PATCH api.github.com/applications/id/token
    POST api.github.com/applications/id/token/scoped
    POST api.github.com/scim/v2/organizations/acme/Users
    POST api.github.com/graphql
    POST github.com/login/oauth/access_token
    POST github.com/login/device/code
    POST uploads.github.com/repos/a/b/hooks
    POST api.acme.ghe.com/repos/a/b/keys
    POST git.acme.example/api/v3/repos/a/b/keys
    POST git.acme.example/api/v3/user/keys
    POST git.acme.example/api/v3/orgs/acme/hooks
    POST git.acme.example/api/v3/admin/users/eve/authorizations
    POST git.acme.example/api/graphql
    POST git.acme.example/manage/v1/access/ssh
    POST git.acme.example/setup/api/settings/authorized-keys`,
  // docs.gitlab.com/api; the optional ".json" from memory.
  GitLab: `
    POST gitlab.com/oauth/token
    POST gitlab.com/api/graphql
    POST gitlab.com/api/v4/projects/1/access_tokens
    POST gitlab.com/api/v4/groups/1/access_tokens/2/rotate
    POST gitlab.com/api/v4/user/personal_access_tokens
    POST gitlab.com/api/v4/personal_access_tokens/self/rotate
    POST gitlab.com/api/v4/users/1/impersonation_tokens
    POST gitlab.com/api/v4/users/1/personal_access_tokens
    POST gitlab.com/api/v4/users
    POST gitlab.com/api/v4/user/keys
    POST gitlab.com/api/v4/user/gpg_keys
    POST gitlab.com/api/v4/user/runners
    POST gitlab.com/api/v4/runners
    POST gitlab.com/api/v4/runners/reset_registration_token
    POST gitlab.com/api/v4/projects/1/runners
    POST gitlab.com/api/v4/projects/1/deploy_keys
    POST gitlab.com/api/v4/projects/1/deploy_tokens
    POST gitlab.com/api/v4/projects/1/hooks
    POST gitlab.com/api/v4/projects/1/hooks.json
    PUT gitlab.com/api/v4/projects/1/hooks/2
    PUT gitlab.com/api/v4/projects/1/integrations/slack
    POST gitlab.com/api/v4/projects/1/members
    PUT gitlab.com/api/v4/projects/1/members/2
    PATCH gitlab.com/api/v4/projects/1/members/2
    POST gitlab.com/api/v4/projects/1/invitations
    POST gitlab.com/api/v4/projects/1/access_requests
    PUT gitlab.com/api/v4/projects/1/access_requests/2/approve
    POST gitlab.com/api/v4/projects/1/share
    POST gitlab.com/api/v4/projects/1/triggers
    POST gitlab.com/api/v4/projects/1/variables
    POST gitlab.com/api/v4/projects/1/job_token_scope/allowlist
    POST gitlab.com/api/v4/projects/1/cluster_agents/1/tokens
    POST gitlab.com/api/v4/projects/1/protected_branches
    POST gitlab.com/api/v4/projects/1/remote_mirrors
    POST gitlab.com/api/v4/groups/1/service_accounts
    POST gitlab.com/api/v4/groups/1/service_accounts/2/personal_access_tokens
    POST gitlab.com/api/v4/groups/1/ldap_group_links
    POST gitlab.com/api/v4/applications
    POST gitlab.com/api/v4/admin/ci/variables
    POST git.acme.example/gitlab/api/v4/projects/acme%2Fapp/hooks`,
  // unverified
  'Gitea and Forgejo': `
    POST git.acme.example/api/v1/users/me/tokens
    POST git.acme.example/api/v1/user/keys
    POST git.acme.example/api/v1/user/applications/oauth2
    POST git.acme.example/api/v1/repos/a/b/hooks
    PUT git.acme.example/api/v1/repos/a/b/actions/secrets/X
    POST git.acme.example/api/v1/admin/users/me/keys`,
  // platform.openai.com/docs/api-reference for realtime; the organization's from memory, Azure's unverified.
  OpenAI: `
    POST api.openai.com/v1/realtime/client_secrets
    POST api.openai.com/v1/realtime/sessions
    POST api.openai.com/v1/realtime/transcription_sessions
    POST api.openai.com/v1/chatkit/sessions
    POST api.openai.com/v1/organization/admin_api_keys
    POST api.openai.com/v1/organization/invites
    POST api.openai.com/v1/organization/projects
    POST api.openai.com/v1/organization/projects/p/service_accounts
    POST api.openai.com/v1/organization/projects/p/users
    POST acme.openai.azure.com/openai/realtimeapi/sessions
    POST acme.openai.azure.com/openai/v1/realtime/client_secrets
    POST llm-gateway.acme.example/openai/v1/realtime/client_secrets`,
  // platform.claude.com/docs/manage-claude/admin-api; paths of the accounts and federation rules unverified.
  Anthropic: `
    POST api.anthropic.com/v1/organizations/invites
    POST api.anthropic.com/v1/organizations/users/u
    POST api.anthropic.com/v1/organizations/api_keys/k
    POST api.anthropic.com/v1/organizations/workspaces/w/members
    POST api.anthropic.com/v1/organizations/service_accounts
    POST api.anthropic.com/v1/organizations/something_new
    POST llm-gateway.acme.example/anthropic/v1/organizations/workspaces/w/members`,
  // unverified
  Slack: `
    POST slack.com/api/oauth.v2.access
    GET slack.com/api/oauth.v2.exchange
    POST slack.com/api/openid.connect.token
    POST slack.com/api/apps.manifest.create
    POST slack.com/api/apps.connections.open
    POST slack.com/api/tooling.tokens.rotate
    GET slack.com/api/admin.users.invite
    POST slack.com/api/conversations.invite
    POST slack.com/api/conversations.inviteShared
    POST slack.com/api/usergroups.users.update
    POST slack.com/api/files.sharedPublicURL
    POST acme.slack.com/api/admin.apps.approve`,
  // unverified
  Atlassian: `
    POST acme.atlassian.net/rest/api/3/webhook
    POST acme.atlassian.net/rest/webhooks/1.0/webhook
    PUT acme.atlassian.net/rest/webhooks/1.0/webhook/1
    POST acme.atlassian.net/rest/api/3/user
    POST acme.atlassian.net/rest/api/3/group/user
    POST acme.atlassian.net/rest/api/3/project/P/role/10002
    POST acme.atlassian.net/rest/api/3/permissionscheme/1/permission
    POST acme.atlassian.net/rest/api/3/filter/1/permission
    PUT acme.atlassian.net/wiki/rest/api/content/1/restriction
    POST acme.atlassian.net/wiki/rest/api/space/S/permission
    POST api.atlassian.com/admin/v1/orgs/o/users/invite
    POST api.atlassian.com/users/u/manage/api-tokens
    POST auth.atlassian.com/oauth/token
    POST api.bitbucket.org/2.0/repositories/w/r/hooks
    POST api.bitbucket.org/2.0/repositories/w/r/deploy-keys
    PUT api.bitbucket.org/2.0/repositories/w/r/permissions-config/users/eve
    POST api.bitbucket.org/2.0/repositories/w/r/pipelines_config/variables
    POST api.bitbucket.org/2.0/workspaces/w/hooks
    POST api.bitbucket.org/2.0/users/me/ssh-keys
    POST bitbucket.org/site/oauth2/access_token
    PUT jira.acme.example/rest/pat/latest/tokens
    PUT git.acme.example/rest/access-tokens/latest/users/eve
    POST git.acme.example/rest/ssh/latest/keys
    POST git.acme.example/rest/api/latest/projects/P/repos/r/webhooks
    PUT git.acme.example/rest/api/latest/projects/P/permissions/users`,
  // unverified
  Cloudflare: `
    POST api.cloudflare.com/client/v4/user/tokens
    PUT api.cloudflare.com/client/v4/user/tokens/1/value
    POST api.cloudflare.com/client/v4/accounts/a/tokens
    POST api.cloudflare.com/client/v4/accounts/a/members
    PUT api.cloudflare.com/client/v4/memberships/1
    POST api.cloudflare.com/client/v4/accounts/a/access/service_tokens
    POST api.cloudflare.com/client/v4/accounts/a/access/policies
    PUT api.cloudflare.com/client/v4/accounts/a/workers/scripts/s/secrets
    POST api.cloudflare.com/client/v4/accounts/a/r2/temp-access-credentials
    POST api.cloudflare.com/client/v4/accounts/a/cfd_tunnel
    POST api.cloudflare.com/client/v4/certificates
    POST api.cloudflare.com/client/v4/accounts/a/challenges/widgets/k/rotate_secret
    POST api.cloudflare.com/client/v4/accounts/a/alerting/v3/destinations/webhooks`,
  // The exchange looked up in a workflow that uses it; the rest from the npm client, unverified.
  npm: `
    POST registry.npmjs.org/-/npm/v1/tokens
    POST registry.npmjs.org/-/npm/v1/hooks/hook
    POST registry.npmjs.org/-/npm/v1/oidc/token/exchange/package/exeat
    PUT registry.npmjs.org/-/user/org.couchdb.user:eve
    POST registry.npmjs.org/-/v1/login
    PUT registry.npmjs.org/-/team/acme/devs/user
    PUT registry.npmjs.org/-/org/acme/user
    POST registry.npmjs.org/-/package/exeat/access
    PUT registry.npmjs.org/-/package/@acme%2Fapp/collaborators/eve
    POST registry.npmjs.org/-/package/@acme/app/trust
    PUT registry.npmjs.org/exeat/-rev/7-abc
    PUT packages.acme.example/api/npm/npm-local/-/user/org.couchdb.user:eve`,
  // docs.pypi.org for the exchange; the forms unverified.
  PyPI: `
    POST pypi.org/_/oidc/mint-token
    POST test.pypi.org/_/oidc/github/mint-token
    POST pypi.org/manage/account/token/`,
  // docs.docker.com/reference/api/hub
  'Docker Hub': `
    POST hub.docker.com/v2/users/login
    POST hub.docker.com/v2/auth/token
    POST hub.docker.com/v2/access-tokens
    PATCH hub.docker.com/v2/access-tokens/1
    POST hub.docker.com/v2/orgs/acme/access-tokens
    POST hub.docker.com/v2/orgs/acme/groups/g/members
    PUT hub.docker.com/v2/orgs/acme/members/eve
    POST hub.docker.com/v2/invites/bulk
    POST hub.docker.com/v2/repositories/acme/app/groups
    POST hub.docker.com/v2/repositories/acme/app/webhooks
    POST hub.docker.com/v2/scim/2.0/Users`,
  // The query API names what it does in query or body: everything there counts, reading too.
  'AWS IAM and STS': `
    POST iam.amazonaws.com/
    GET iam.amazonaws.com/
    POST sts.amazonaws.com/
    GET sts.eu-central-1.amazonaws.com/
    POST sts-fips.us-east-1.amazonaws.com/
    POST sts.cn-north-1.amazonaws.com.cn/
    POST vpce-1a2b.sts.eu-central-1.vpce.amazonaws.com/
    POST oidc.eu-central-1.amazonaws.com/token
    GET portal.sso.eu-central-1.amazonaws.com/federation/credentials
    POST cognito-idp.eu-central-1.amazonaws.com/`,
  // unverified
  'Google Cloud': `
    POST iam.googleapis.com/v1/projects/p/serviceAccounts
    POST iam.googleapis.com/v1/projects/p/serviceAccounts/s/keys
    POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/s:generateAccessToken
    POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/s:signJwt
    POST cloudresourcemanager.googleapis.com/v3/projects/p:setIamPolicy
    POST sts.googleapis.com/v1/token
    POST oauth2.googleapis.com/token`,
  // unverified
  Microsoft: `
    PUT management.azure.com/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r
    POST management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/regenerateKey
    POST graph.microsoft.com/v1.0/applications/a/addPassword
    POST graph.microsoft.com/v1.0/servicePrincipals/s/appRoleAssignments
    POST graph.microsoft.com/v1.0/oauth2PermissionGrants
    POST graph.microsoft.com/v1.0/groups/g/members/$ref
    POST graph.microsoft.com/v1.0/invitations
    POST graph.microsoft.com/v1.0/subscriptions
    POST login.microsoftonline.com/t/oauth2/v2.0/token`,
  // unverified
  Vault: `
    POST vault.acme.example/v1/auth/token/create
    PUT vault.acme.example/v1/auth/token/create-orphan
    POST vault.acme.example/v1/auth/approle/login
    POST vault.acme.example/v1/auth/approle/role/r/secret-id
    POST vault.acme.example/v1/team/auth/token/create
    POST vault.acme.example/v1/sys/policies/acl/p
    POST vault.acme.example/v1/sys/auth/x
    POST vault.acme.example/v1/identity/entity
    GET vault.acme.example/v1/identity/oidc/token/r
    GET vault.acme.example/v1/database/creds/r
    GET vault.acme.example/v1/aws/creds/r
    POST vault.acme.example/v1/aws/sts/r
    POST vault.acme.example/v1/pki/issue/r
    POST vault.acme.example/v1/pki_int/sign/r
    POST vault.acme.example/v1/ssh/sign/r`,
  // kubernetes.io/docs/reference; OpenShift unverified.
  Kubernetes: `
    POST kube.acme.example/api/v1/namespaces/n/serviceaccounts
    POST kube.acme.example/api/v1/namespaces/n/serviceaccounts/s/token
    POST kube.acme.example/api/v1/namespaces/n/secrets
    PATCH kube.acme.example/api/v1/namespaces/n/secrets/s
    POST kube.acme.example/apis/rbac.authorization.k8s.io/v1/namespaces/n/rolebindings
    POST kube.acme.example/apis/rbac.authorization.k8s.io/v1/clusterrolebindings
    POST kube.acme.example/apis/certificates.k8s.io/v1/certificatesigningrequests
    PUT kube.acme.example/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval
    POST kube.acme.example/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations
    POST rancher.acme.example/k8s/clusters/c-1/api/v1/namespaces/n/serviceaccounts/s/token`,
  // Whoever it is: the last name of the path says it.
  Anyone: `
    POST api.acme.example/v2/api-keys
    POST api.acme.example/api_keys/
    POST api.acme.example/accounts/7/webhooks
    POST api.acme.example/v1/webhook_endpoints
    POST api.acme.example/teams/7/invitations
    POST api.acme.example/oauth2/token
    POST sso.acme.example/realms/r/protocol/openid-connect/token
    POST api.acme.example/graphql
    POST shop.acme.example/admin/api/2026-01/graphql.json`,
};

const ordinary = `
  GET api.github.com/user/keys
  GET api.github.com/repos/a/b/hooks
  HEAD api.github.com/orgs/acme/members
  DELETE api.github.com/user/keys/1
  DELETE gitlab.com/api/v4/projects/1/hooks/2
  POST api.github.com/repos/a/b/issues
  POST api.github.com/repos/a/b/issues/1/labels
  PATCH api.github.com/repos/a/b
  PUT api.github.com/repos/a/b/contents/src/hooks/keys.ts
  PUT api.github.com/repos/a/b/contents/src/webhooks/members.ts
  POST api.github.com/repos/a/keys
  POST api.github.com/repos/a/b/pulls/1/comments
  POST api.github.com/repos/a/b/actions/workflows/ci.yml/dispatches
  PUT api.github.com/user/starred/a/b
  GET gitlab.com/api/graphql
  POST gitlab.com/api/v4/projects/1/issues
  POST gitlab.com/api/v4/projects/1/repository/files/src%2Fhooks%2Fa.ts
  POST gitlab.com/api/v4/projects/1/merge_requests/2/notes
  POST api.openai.com/v1/chat/completions
  POST api.openai.com/v1/responses
  POST api.openai.com/v1/realtime/calls
  POST api.anthropic.com/v1/messages
  POST api.anthropic.com/v1/messages/count_tokens
  POST slack.com/api/chat.postMessage
  GET slack.com/api/conversations.list
  POST acme.atlassian.net/rest/api/3/issue
  POST acme.atlassian.net/rest/api/3/issue/A-1/comment
  PUT acme.atlassian.net/rest/api/3/issue/A-1/assignee
  PUT api.cloudflare.com/client/v4/zones/z/dns_records/r
  PUT registry.npmjs.org/exeat
  GET registry.npmjs.org/-/npm/v1/tokens
  POST upload.pypi.org/legacy/
  GET hub.docker.com/v2/repositories/acme/app/tags
  POST s3.eu-central-1.amazonaws.com/bucket/key
  POST bedrock-runtime.eu-central-1.amazonaws.com/model/m/invoke
  POST storage.googleapis.com/upload/storage/v1/b/bucket/o
  POST graph.microsoft.com/v1.0/me/sendMail
  GET vault.acme.example/v1/secret/data/app
  POST vault.acme.example/v1/transit/encrypt/k
  POST kube.acme.example/api/v1/namespaces/n/configmaps
  POST kube.acme.example/apis/authorization.k8s.io/v1/selfsubjectaccessreviews
  GET kube.acme.example/api/v1/namespaces/n/secrets
  POST api.acme.example/v1/tokens/count
  POST api.acme.example/mcp
  POST api.acme.example/
  PUT api.acme.example/v1/keys-and-hooks
  POST tickets.acme.example/api/tickets`;

function lines(text: string): { method: string; host: string; path: string }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, method = '', host = '', path = ''] = /^\s*(\S+) ([^/]+)(\S*)$/.exec(line) ?? [];
      return { method, host, path };
    });
}

const mints = ({ method, host, path }: { method: string; host: string; path: string }) =>
  mintsAccess(method, { destination: destination('any'), host, path, query: '' });

for (const [vendor, calls] of Object.entries(minting)) {
  test(`what creates standing access is known as such: ${vendor}`, () => {
    const missed = lines(calls).filter((call) => !mints(call));
    assert.deepEqual(missed, []);
  });

  test(`a gateway or a route in front of it hides nothing: ${vendor}`, () => {
    // Names that say nothing by themselves count at the vendor's own hosts only.
    const own =
      /amazonaws|atlassian\.com\/admin|something_new|pypi\.org\/manage|graph\.microsoft\.com\/v1\.0\/(?:inv|sub)|googleapis\.com\/(?:v1\/)?token$/;
    const behind = lines(calls)
      .filter(({ host, path }) => !own.test(`${host}${path}`))
      .map((call) => ({ ...call, host: 'gateway.acme.example', path: `/base/path${call.path}` }));
    assert.deepEqual(
      behind.filter((call) => !mints(call)),
      [],
    );
  });
}

test('reading, removing and ordinary writing do not count', () => {
  const wrong = lines(ordinary).filter((call) => mints(call));
  assert.deepEqual(wrong, []);
});

test('a path that was made to be slow takes no time to speak of', () => {
  const parts = ['/api/v4/', '/repos/a/b', '/rest/', '/v1/auth', '/orgs/*/', '/client/v4/', '/a', '/', '/namespaces/n/', '/oauth/v1/v2'];
  const startedAt = performance.now();
  for (const part of parts) mints({ method: 'POST', host: 'api.github.com', path: part.repeat(64_000 / part.length) });
  assert(performance.now() - startedAt < 1000);
});
