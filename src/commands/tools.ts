import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { configPath, loadConfig } from '../config/load.ts';
import { pinTools, type PinnedFile } from '../run/pin-tools.ts';

export const summary = "write down an MCP server's tools for review";

export const help = `Usage: exeat tools pin DESTINATION [--config FILE] [--out FILE]

Lists the tools of an MCP server once, with the identity and the credential of its destination, and writes their names, input schemas
and digests to config/tools/DESTINATION.json. Review that file, and name it in the configuration:

  destinations: { DESTINATION: { tools: { reviewed: config/tools/DESTINATION.json } } }

From then on no other tool passes, policy sees the arguments that the schemas declare, and a changed definition is refused.

  --config FILE       config/exeat.yaml unless said
  --out FILE          where to write; "-" is standard output`;

export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { config: { type: 'string' }, out: { type: 'string' } },
  });
  const [action, destination, ...more] = positionals;
  if (action !== 'pin' || destination === undefined || more.length > 0) {
    console.error('exeat tools: say "pin" and a destination. "exeat tools --help" tells more.');
    return 2;
  }
  const file = configPath(values.config);
  const config = loadConfig(file, { ownAuthority: true });
  const out = values.out ?? `config/tools/${destination}.json`;
  const pinned = await pinTools({ config, file, destination, log: quietLog });
  const text = `${JSON.stringify(pinned, undefined, 2)}\n`;
  if (out === '-') {
    process.stdout.write(text);
    return 0;
  }
  const changes = changesSince(readBefore(out), pinned);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, text);
  console.log(`${out}: ${pinned.tools.length} tools`);
  for (const line of changes) console.log(`  ${line}`);
  return 0;
}

const quietLog = { info: () => undefined, warn: () => undefined, error: (_fields: object, message: string) => console.error(message) };

function readBefore(path: string): PinnedFile['tools'] | undefined {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as PinnedFile).tools;
  } catch {
    return undefined;
  }
}

/** What a reviewer looks at first. */
function changesSince(before: PinnedFile['tools'] | undefined, { tools }: PinnedFile): readonly string[] {
  if (before === undefined) return tools.map(({ name }) => `new: ${name}`);
  const digests = new Map(before.map(({ name, digest }) => [name, digest]));
  const now = new Set(tools.map(({ name }) => name));
  return [
    ...tools.filter(({ name }) => !digests.has(name)).map(({ name }) => `new: ${name}`),
    ...tools.filter(({ name, digest }) => digests.has(name) && digests.get(name) !== digest).map(({ name }) => `changed: ${name}`),
    ...before.filter(({ name }) => !now.has(name)).map(({ name }) => `gone: ${name}`),
  ];
}
