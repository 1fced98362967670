/** What proves to others who this workload is, or leads to such a proof: Exeat's to use, never the agent's. By where it comes from. */
const table: Readonly<Record<string, readonly string[]>> = {
  spiffe: ['SPIFFE_ENDPOINT_SOCKET'],
  'github-actions': ['ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_RUNTIME_TOKEN'],
  gitlab: [
    'CI_JOB_TOKEN',
    'CI_JOB_JWT',
    'CI_JOB_JWT_V1',
    'CI_JOB_JWT_V2',
    'CI_BUILD_TOKEN',
    'CI_REGISTRY_PASSWORD',
    'CI_DEPLOY_PASSWORD',
    'CI_DEPENDENCY_PROXY_PASSWORD',
    // Both hold the job's token in their user info.
    'CI_REPOSITORY_URL',
    'CI_BUILD_REPO',
  ],
  circleci: ['CIRCLE_OIDC_TOKEN', 'CIRCLE_OIDC_TOKEN_V2'],
  bitbucket: ['BITBUCKET_STEP_OIDC_TOKEN'],
  buildkite: ['BUILDKITE_AGENT_ACCESS_TOKEN', 'BUILDKITE_AGENT_TOKEN'],
  'azure-pipelines': ['SYSTEM_ACCESSTOKEN', 'SYSTEM_OIDCREQUESTURI'],
  terraform: ['TFC_WORKLOAD_IDENTITY_TOKEN'],
  aws: [
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  ],
  google: ['GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_GHA_CREDS_PATH', 'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE'],
  azure: [
    'AZURE_FEDERATED_TOKEN_FILE',
    'AZURE_CLIENT_SECRET',
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'IDENTITY_ENDPOINT',
    'IDENTITY_HEADER',
    'MSI_ENDPOINT',
    'MSI_SECRET',
  ],
  vault: ['VAULT_TOKEN'],
};

export const identityVariables: ReadonlySet<string> = new Set(Object.values(table).flat());
