/** Where SDKs and command-line tools of a service look for its credential. */
export interface ServiceVariables {
  /** Hosts of the service; each stands for the names below it, too. */
  readonly hosts: readonly string[];
  /** They will not start without one of these, so the child gets a placeholder. */
  readonly wanted: readonly string[];
  readonly others?: readonly string[];
  /** Where they look for another base URL, and what stands behind the host in theirs; set where the destination is a route. */
  readonly baseUrl?: readonly [name: string, path: string];
}

/** The child of `exeat run` gets none of these for a configured destination: Exeat adds the credential on the way. */
const serviceVariables: readonly ServiceVariables[] = [
  {
    hosts: ['github.com', 'githubusercontent.com'],
    wanted: ['GITHUB_TOKEN', 'GH_TOKEN'],
    others: ['GITHUB_PAT', 'GITHUB_API_TOKEN', 'GITHUB_PERSONAL_ACCESS_TOKEN', 'HOMEBREW_GITHUB_API_TOKEN'],
  },
  { hosts: ['gitlab.com'], wanted: ['GITLAB_TOKEN'], others: ['GITLAB_ACCESS_TOKEN', 'GITLAB_PRIVATE_TOKEN', 'GL_TOKEN'] },
  { hosts: ['bitbucket.org'], wanted: [], others: ['BITBUCKET_TOKEN', 'BITBUCKET_ACCESS_TOKEN', 'BITBUCKET_APP_PASSWORD'] },
  {
    hosts: ['api.openai.com'],
    wanted: ['OPENAI_API_KEY'],
    others: ['OPENAI_ADMIN_KEY', 'CODEX_API_KEY'],
    baseUrl: ['OPENAI_BASE_URL', '/v1'],
  },
  { hosts: ['openai.azure.com'], wanted: ['AZURE_OPENAI_API_KEY'], others: ['AZURE_OPENAI_AD_TOKEN'] },
  {
    hosts: ['api.anthropic.com'],
    wanted: ['ANTHROPIC_API_KEY'],
    others: ['ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
    baseUrl: ['ANTHROPIC_BASE_URL', ''],
  },
  { hosts: ['generativelanguage.googleapis.com'], wanted: ['GEMINI_API_KEY'], others: ['GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'] },
  {
    hosts: ['googleapis.com'],
    wanted: [],
    others: ['GOOGLE_API_KEY', 'GOOGLE_CREDENTIALS', 'GOOGLE_OAUTH_ACCESS_TOKEN', 'CLOUDSDK_AUTH_ACCESS_TOKEN'],
  },
  { hosts: ['mistral.ai'], wanted: ['MISTRAL_API_KEY'], baseUrl: ['MISTRAL_BASE_URL', ''] },
  { hosts: ['cohere.com', 'cohere.ai'], wanted: ['CO_API_KEY'], others: ['COHERE_API_KEY'] },
  { hosts: ['groq.com'], wanted: ['GROQ_API_KEY'], baseUrl: ['GROQ_BASE_URL', ''] },
  { hosts: ['x.ai'], wanted: ['XAI_API_KEY'] },
  { hosts: ['deepseek.com'], wanted: ['DEEPSEEK_API_KEY'] },
  { hosts: ['openrouter.ai'], wanted: ['OPENROUTER_API_KEY'] },
  { hosts: ['together.ai', 'together.xyz'], wanted: ['TOGETHER_API_KEY'] },
  { hosts: ['fireworks.ai'], wanted: ['FIREWORKS_API_KEY'] },
  { hosts: ['perplexity.ai'], wanted: ['PERPLEXITY_API_KEY'], others: ['PPLX_API_KEY'] },
  { hosts: ['replicate.com'], wanted: ['REPLICATE_API_TOKEN'] },
  { hosts: ['elevenlabs.io'], wanted: ['ELEVENLABS_API_KEY'], others: ['ELEVEN_API_KEY'] },
  { hosts: ['tavily.com'], wanted: ['TAVILY_API_KEY'] },
  {
    hosts: ['huggingface.co', 'hf.co'],
    wanted: ['HF_TOKEN'],
    others: ['HUGGING_FACE_HUB_TOKEN', 'HUGGINGFACEHUB_API_TOKEN', 'HUGGINGFACE_API_KEY', 'HUGGINGFACE_TOKEN'],
  },
  {
    hosts: ['amazonaws.com', 'api.aws'],
    wanted: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    others: ['AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN', 'AWS_BEARER_TOKEN_BEDROCK'],
  },
  { hosts: ['slack.com'], wanted: ['SLACK_BOT_TOKEN'], others: ['SLACK_TOKEN', 'SLACK_API_TOKEN', 'SLACK_APP_TOKEN', 'SLACK_USER_TOKEN'] },
  // An .npmrc that names one of these cannot be read without it.
  { hosts: ['npmjs.org', 'npmjs.com', 'npm.pkg.github.com'], wanted: ['NPM_TOKEN', 'NODE_AUTH_TOKEN'] },
  { hosts: ['pypi.org'], wanted: [], others: ['TWINE_PASSWORD', 'UV_PUBLISH_TOKEN', 'UV_PUBLISH_PASSWORD', 'POETRY_PYPI_TOKEN_PYPI'] },
  { hosts: ['crates.io'], wanted: [], others: ['CARGO_REGISTRY_TOKEN'] },
  { hosts: ['stripe.com'], wanted: ['STRIPE_API_KEY', 'STRIPE_SECRET_KEY'] },
  { hosts: ['notion.com'], wanted: ['NOTION_TOKEN'], others: ['NOTION_API_KEY'] },
  { hosts: ['linear.app'], wanted: ['LINEAR_API_KEY'] },
  {
    hosts: ['atlassian.net', 'atlassian.com'],
    wanted: ['ATLASSIAN_API_TOKEN'],
    others: ['JIRA_API_TOKEN', 'CONFLUENCE_API_TOKEN'],
  },
  { hosts: ['discord.com'], wanted: ['DISCORD_TOKEN'], others: ['DISCORD_BOT_TOKEN'] },
  { hosts: ['telegram.org'], wanted: ['TELEGRAM_BOT_TOKEN'] },
  { hosts: ['cloudflare.com'], wanted: ['CLOUDFLARE_API_TOKEN'], others: ['CF_API_TOKEN', 'CLOUDFLARE_API_KEY'] },
  { hosts: ['vercel.com'], wanted: ['VERCEL_TOKEN'] },
  { hosts: ['netlify.com'], wanted: ['NETLIFY_AUTH_TOKEN'] },
  { hosts: ['digitalocean.com'], wanted: ['DIGITALOCEAN_TOKEN'], others: ['DIGITALOCEAN_ACCESS_TOKEN'] },
  { hosts: ['sentry.io'], wanted: ['SENTRY_AUTH_TOKEN'] },
  { hosts: ['pinecone.io'], wanted: ['PINECONE_API_KEY'] },
];

/** The entries that a destination of this host name concerns; a wildcard destination concerns those of all names it stands for. */
export function servicesAt(host: string): readonly ServiceVariables[] {
  const name = host.replace(/^\*\./, '');
  return serviceVariables.filter(({ hosts }) =>
    hosts.some((each) => name === each || name.endsWith(`.${each}`) || (host !== name && each.endsWith(`.${name}`))),
  );
}
