import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { caFoldersOf } from '../config/ca-folders.ts';
import { configPath, loadConfig } from '../config/load.ts';
import { published } from '../ingress/ca-publication.ts';
import { trustEnvironment, trustVariables } from '../ingress/trust-variables.ts';
import { didYouMean } from '../nearest.ts';
import { readPlainFile } from '../plain-file.ts';

export const summary = 'show the CA that clients must trust, and how to tell them';

const widest = Math.max(...trustVariables.map(({ name }) => name.length));

export const help = `Usage: exeat ca print [--bundle] [--config FILE]
       exeat ca env [--at DIR] [--config FILE]

The calls to a destination with a credential are intercepted: Exeat proves itself in the destination's name, by a certificate of its
own CA. "exeat serve" makes the CA at its first start and puts what clients must trust into tls.ca.publish.

  print    the CA certificates in PEM; while there is a successor, both
  env      shell lines to evaluate: eval "$(exeat ca env)"

  --bundle        the public roots too, for clients whose roots are replaced
  --at DIR        where the clients see the published folder, when that is elsewhere
  --config FILE   the configuration; else EXEAT_CONFIG, else config/exeat.yaml

Variables that replace a client's roots get ${published.bundle}, those that add to them ${published.ca}, Java ${published.truststore}:
${trustVariables.map(({ name, reason }) => `  ${name.padEnd(widest)}  ${reason}`).join('\n')}

Clients that read none of them need a setting of their own: browsers an NSS database (certutil -A -t C,,), clients with compiled-in
or pinned roots a reverse route.`;

const largestBytes = 16 * 1024 ** 2;

export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { config: { type: 'string' }, bundle: { type: 'boolean', default: false }, at: { type: 'string' } },
  });
  const [name = '', ...more] = positionals;
  if (name !== 'print' && name !== 'env')
    return misused(name === '' ? 'say "print" or "env"' : `there is no "${name}"${didYouMean(name, ['print', 'env'])}`);
  if (more.length > 0) return misused(`"${name}" takes no more than options`);
  if (name === 'env' && values.bundle) return misused('--bundle belongs to "print"');
  if (name === 'print' && values.at !== undefined) return misused('--at belongs to "env"');
  const { publish: folder } = caFoldersOf(loadConfig(configPath(values.config)));
  const file = join(folder, values.bundle ? published.bundle : published.ca);
  if (!existsSync(file)) throw new Error(`there is no ${file} yet: "exeat serve" makes it when it starts`);
  if (name === 'print') process.stdout.write(readPlainFile(file, largestBytes));
  else for (const line of exportLines(trustEnvironment(values.at ?? folder, process.env))) console.log(line);
  return 0;
}

function exportLines(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`);
}

function misused(message: string): number {
  console.error(`exeat ca: ${message}. "exeat ca --help" tells what it takes.`);
  return 2;
}
