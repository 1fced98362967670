import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ownCaFindings } from '../config/own-ca.ts';
import { destinationsOf } from '../config/destinations.ts';
import { missingSecrets, trustedPathsOf } from '../config/files.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { configPath, loadConfig } from '../config/load.ts';
import { authorityNetworkOf, policyNetworkOf, webhookNetworkOf } from '../config/peers.ts';
import { ConfigError, problemText } from '../config/problems.ts';
import type { Config } from '../config/schema.ts';
import { warningsOf } from '../config/warnings.ts';
import { writableByOthers } from '../config/writable.ts';
import { readBundle } from '../policy/bundle.ts';
import { bundleOf, createPolicy, nowhere } from '../policy/registry.ts';

export const summary = 'read config and policies as "serve" would, and say what is wrong';

export const help = `Usage: exeat check [--config FILE] [--bundle FILE] [--strict] [--json]
       exeat check --print-schema

Reads config and policies as "serve" would, and says all that is wrong at once. Opens no connection and reads no secret.

  --config FILE    the configuration; else EXEAT_CONFIG, else config/exeat.yaml
  --bundle FILE    a policy bundle, to be looked at as if it had been pulled; without it what is in bundles is not looked at
  --strict         warnings count as problems
  --json           one JSON object: { "file", "ok", "problems": […], "warnings": […] }
  --print-schema   the JSON Schema of the configuration file

Exit code: 0 in order, 1 problems, 2 wrong usage.`;

/** What was found. A problem keeps Exeat from starting; a warning does not. */
interface Findings {
  readonly problems: readonly { readonly line?: number | undefined; readonly text: string; readonly shown: string }[];
  readonly warnings: readonly string[];
}

export async function run(argv: readonly string[]): Promise<number> {
  const { values: options } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string' },
      bundle: { type: 'string' },
      strict: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      'print-schema': { type: 'boolean', default: false },
    },
  });
  if (options['print-schema']) {
    console.log(JSON.stringify(configJsonSchema(), undefined, 2));
    return 0;
  }
  const file = configPath(options.config);
  const { problems, warnings } = await findings(file, options.bundle);
  const ok = problems.length === 0 && !(options.strict && warnings.length > 0);
  if (options.json) {
    console.log(JSON.stringify({ file, ok, problems: problems.map(({ line, text }) => ({ line, text })), warnings }, undefined, 2));
  } else {
    for (const { shown } of problems) console.error(shown);
    for (const warning of warnings) console.error(`warning: ${warning}`);
    console.log(verdict(file, problems.length, warnings.length));
  }
  return ok ? 0 : 1;
}

async function findings(file: string, bundleFile: string | undefined): Promise<Findings> {
  try {
    const config = loadConfig(file);
    const [policy, ca] = [await policyFindings(config, bundleFile), ownCaFindings(config)];
    return {
      problems: [...ca.problems.map((text) => ({ text, shown: text })), ...policy.problems],
      warnings: [
        ...warningsOf(config),
        ...ca.warnings,
        ...policy.warnings,
        ...missingSecrets(config),
        ...writableByOthers(trustedPathsOf(config, file)),
      ],
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.message.split('\n');
    return {
      problems: error.problems.map((problem, index) => ({ line: problem.line, text: problemText(problem), shown: lines[index] ?? '' })),
      warnings: [],
    };
  }
}

async function policyFindings(config: Config, bundleFile: string | undefined): Promise<Findings> {
  const destinations = destinationsOf(config);
  for (const networkOf of [authorityNetworkOf, webhookNetworkOf, policyNetworkOf]) networkOf(config);
  const pulled = bundleOf(config.policy);
  if (pulled !== undefined && bundleFile === undefined) return { problems: [], warnings: [] };
  try {
    if (pulled === undefined && bundleFile !== undefined) throw new Error('--bundle: the configuration has no "policy.bundle"');
    const bundle = pulled && bundleFile !== undefined ? await readBundle(readFileSync(bundleFile), pulled) : undefined;
    const { warnings } = createPolicy(config.policy, { destinations, intents: config.intents, fetch: nowhere, bundle });
    return { problems: [], warnings };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { problems: message.split('\n').map((text) => ({ text, shown: text })), warnings: [] };
  }
}

function verdict(file: string, problems: number, warnings: number): string {
  const noted = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`;
  return problems === 0 ? `${file}: in order${noted}` : `${file}: ${counted(problems, 'problem')}${noted}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
