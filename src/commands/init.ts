import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { starterFiles, templates } from '../config/templates/registry.ts';
import type { Template } from '../config/templates/template.ts';
import { didYouMean } from '../nearest.ts';

export const summary = 'write a commented config and policies to start from';

export const help = `Usage: exeat init [--template NAME]... [--directory DIR] [--force]

Writes config/exeat.yaml and config/policies/*.cedar, commented. They pass "exeat check" as they are; put your own names in and check again.

  --template NAME   what to write for; may be given several times, "http" unless said:
${templates(0)
  .map((template) => `                      ${template.name.padEnd(10)} ${template.summary}`)
  .join('\n')}
  --directory DIR   where "config/" is made; the working directory unless said
  --force           overwrite files that are there`;

export async function run(argv: readonly string[]): Promise<number> {
  const { values: options } = parseArgs({
    args: [...argv],
    options: {
      template: { type: 'string', multiple: true, default: ['http'] },
      directory: { type: 'string', default: '.' },
      force: { type: 'boolean', default: false },
    },
  });
  const chosen = choose(options.template);
  if (chosen === undefined) return 2;
  const files = starterFiles(chosen).map(({ path, text }) => ({ path: join(options.directory, path), text }));
  const present = files.filter(({ path }) => existsSync(path));
  if (present.length > 0 && !options.force) {
    for (const { path } of present) console.error(`exeat init: ${path} is there already`);
    console.error('exeat init: nothing was written; --force overwrites');
    return 1;
  }
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true });
    // "wx" also refuses what appeared since, and a link that leads elsewhere.
    writeFileSync(path, text, { flag: options.force ? 'w' : 'wx' });
    console.log(`wrote ${path}`);
  }
  console.log(`\nNext: look through ${files[0]?.path}, then "exeat check", and "exeat run -- COMMAND" or "exeat serve".`);
  return 0;
}

function choose(names: readonly string[]): Template[] | undefined {
  const all = templates(Date.now());
  const known = all.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  for (const name of unknown)
    console.error(`exeat init: there is no template "${name}"${didYouMean(name, known) || `; there are ${known.join(', ')}`}`);
  return unknown.length > 0 ? undefined : all.filter(({ name }) => names.includes(name));
}
