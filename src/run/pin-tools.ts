import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { definitionDigest } from '../protocol/mcp/definitions.ts';
import type { OperatorLog } from '../log.ts';
import { startRun } from './run.ts';
import { listTools } from './tool-list.ts';

/** What `config/tools/DESTINATION.json` holds. */
export interface PinnedFile {
  readonly destination: string;
  readonly listed_at: string;
  readonly tools: readonly { readonly name: string; readonly digest: string; readonly input_schema: object }[];
}

export interface PinOptions {
  readonly config: Config;
  readonly file: string;
  readonly destination: string;
  readonly log: OperatorLog;
}

const intent = 'pin-tools';
/** Whoever runs this reviews what it lists; nothing is called. */
const policy = 'permit (principal, action in [Action::"initialize", Action::"list_tools", Action::"call_tool"], resource);';

/** Lists a server's tools once, in a task of its own, with the identity and the credential that its destination has. */
export async function pinTools({ config, file, destination, log }: PinOptions): Promise<PinnedFile> {
  const settings = config.destinations[destination];
  if (settings?.protocol !== 'mcp') throw new Error(`"${destination}" is no destination with "protocol: mcp"`);
  const host = settings.hosts?.find(({ name }) => !name.startsWith('*.'));
  if (settings.route === undefined && host === undefined) throw new Error(`"${destination}" has no host that is one name`);
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-pin-'));
  writeFileSync(join(folder.path, 'pin.cedar'), policy);
  const run = await startRun({
    config: {
      ...config,
      // Neither what was reviewed before nor what policy permits is to hide anything from the review.
      destinations: { [destination]: { ...settings, tools: undefined } },
      intents: { [intent]: { description: 'List tools for review', destinations: [destination] } },
      policy: { engine: 'cedar', directory: folder.path },
    },
    file,
    intent,
    socket: undefined,
    keep: [],
    log,
  });
  try {
    const path = settings.mcp?.path ?? '/mcp';
    const target = host === undefined ? (settings.route ?? '/') : `${host.scheme}://${host.name}:${host.port}${path}`;
    const tools = await listTools({ proxy: run.proxy, target });
    return {
      destination,
      listed_at: new Date().toISOString(),
      tools: tools.map((tool) => ({
        name: typeof tool['name'] === 'string' ? tool['name'] : '',
        digest: definitionDigest(tool),
        input_schema: typeof tool['inputSchema'] === 'object' && tool['inputSchema'] !== null ? tool['inputSchema'] : {},
      })),
    };
  } finally {
    await run.end();
  }
}
