import { anthropic } from './anthropic.ts';
import { github } from './github.ts';
import { http } from './http.ts';
import { mcp } from './mcp.ts';
import { openai } from './openai.ts';
import type { Template } from './template.ts';

/** A file that `exeat init` writes, by its path below the directory it is run for. */
export interface StarterFile {
  readonly path: string;
  readonly text: string;
}

/** All templates. `now`: dated secrets are dated from here. */
export function templates(now: number): readonly Template[] {
  return [http(), github(now), openai(now), anthropic(now), mcp()];
}

/** A commented configuration for these templates, and a policy file for each. */
export function starterFiles(chosen: readonly Template[]): StarterFile[] {
  const config = [
    head,
    chosen.some(({ needsAuthority }) => needsAuthority) ? authority : commented(authority),
    tasks,
    ...chosen.map(({ intent }) => intent),
    policyAndAudit,
    chosen.map(({ destination }) => destination).join('\n'),
    tail,
  ].join('');
  const policies = chosen.map(({ name, policy }) => ({ path: `config/policies/${name}.cedar`, text: policy }));
  return [{ path: 'config/exeat.yaml', text: config }, ...policies];
}

const head = `\
# Exeat's configuration. "exeat check" reads it as "exeat serve" would; "exeat check --print-schema" writes a JSON Schema for editors.
# What is commented out shows the default, or what else can be said. Paths are relative to the working directory. Secrets stand here by
# reference only: { file: PATH } or { env: NAME }.

# listen: { proxy: 127.0.0.1:7070, control: 127.0.0.1:7071, health: 127.0.0.1:7072 }

# Who the agent is. "local" makes a key of its own and fits a laptop; in a cluster the platform vouches:
# identity: { source: file, path: /var/run/secrets/tokens/exeat }
identity: { source: local }

`;

const authority = `\
# The OAuth authorization server that issues tokens for "token-exchange". The workload's own identity is the client authentication.
authority: { issuer: https://idp.example.com }

`;

const tasks = `\
tasks:
  default_ttl: 15m
  max_ttl: 1h
  drain: 5s # how long running calls may go on after "complete"
  # self_declared: { max_open: 2, calls_per_hour: 1000 } # lets the agent open tasks for itself
  # default_intent: NAME                                 # for agents without an orchestrator

# What tasks are for. A task reaches the destinations of its intent and nothing else; policy then decides each call.
intents:
`;

const policyAndAudit = `
# Everything that no policy permits is denied; that cannot be configured.
policy: { engine: cedar, directory: config/policies }

audit:
  durability: batched # on disk within 50 ms; "strict": before the call leaves

destinations:
`;

const tail = `
# reload: { watch: true } # else on SIGHUP and by an operator's call
# log: { level: info }
`;

function commented(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' || line.startsWith('#') ? line : `# ${line}`))
    .join('\n');
}
