import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { startMcpServer, toolNamed } from '../support/mcp-server.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;
const execute = promisify(execFile);

for (const era of ['modern', 'legacy'] as const) {
  test(`the tools of a server (${era}) are written down for review, page by page, whatever policy permits`, async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-pin-'));
    const at = (name: string): string => join(folder.path, name);
    let description = 'Does search';
    await using server = await startMcpServer((method, { cursor, _meta: meta }) => {
      if (method === 'initialize') return { protocolVersion: '2025-11-25', capabilities: {} };
      if ((meta !== undefined) !== (era === 'modern')) return { nothing: true };
      return cursor === undefined ? { tools: [toolNamed('search', { description })], nextCursor: '2' } : { tools: [toolNamed('delete')] };
    });
    mkdirSync(at('policies'));
    writeFileSync(at('policies/none.cedar'), 'forbid (principal, action, resource);');
    const config = {
      identity: { source: 'local', folder: at('identity') },
      intents: { work: { description: 'Work', destinations: ['kb'] } },
      policy: { engine: 'cedar', directory: at('policies') },
      destinations: { kb: { hosts: [server.url], protocol: 'mcp', allow_private: true } },
    };
    writeFileSync(at('exeat.yaml'), stringify(config));
    const pin = async (): Promise<string> => {
      const argv = [main, 'tools', 'pin', 'kb', '--config', at('exeat.yaml'), '--out', at('tools/kb.json')];
      return (await execute(process.execPath, argv, { env: { ...process.env, XDG_STATE_HOME: at('state-home'), HOME: folder.path } }))
        .stdout;
    };
    assert.match(await pin(), /2 tools\n {2}new: search\n {2}new: delete/);
    const { destination, tools } = JSON.parse(readFileSync(at('tools/kb.json'), 'utf8')) as {
      destination: string;
      tools: { name: string; digest: string }[];
    };
    assert.deepEqual([destination, tools.map(({ name }) => name)], ['kb', ['search', 'delete']]);
    for (const { digest } of tools) assert.match(digest, /^[\w-]{43}$/);
    description = 'Does something else';
    assert.match(await pin(), /2 tools\n {2}changed: search\n$/);
  });
}
