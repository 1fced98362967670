// Clients that people use, unmodified, with environment variables or a base URL: a table of clients, doors and scenarios.
import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { start } from '../support/program.ts';
import type { OpenTask } from '../support/exeat.ts';
import { assertCameThrough } from './came-through.ts';
import type { Ask, Client, Command } from './client.ts';
import { doors, proxyEnvironment, type Door } from './doors.ts';
import { curl } from './drivers/curl.ts';
import { go } from './drivers/go.ts';
import { httpClient, httpUrlConnection } from './drivers/java.ts';
import { nodeFetch } from './drivers/node.ts';
import { httpx, requests, urllib } from './drivers/python.ts';
import { reqwest } from './drivers/rust.ts';
import { wget } from './drivers/wget.ts';
import { createItemsApi } from './items-api.ts';
import { scenarios, type Scenario, type Stage } from './scenarios.ts';
import { startWorld, type World } from './world.ts';

const clients: readonly Client[] = [curl, wget, nodeFetch, urllib, requests, httpx, go, httpClient, httpUrlConnection, reqwest];

const policy = `@id("work reads") permit (principal, action in Action::"read", resource);
@id("work uploads") permit (principal, action == Action::"PUT", resource) when { context.http.path like "/uploads/*" };`;

const api = createItemsApi();
const folder = mkdtempSync(join(tmpdir(), 'exeat-clients-'));
const stack = new AsyncDisposableStack();
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const content = randomBytes(8 * 1024 * 1024);
const upload = { path: join(folder, 'upload'), bytes: content.length, sha256: hash('sha256', content) };
let world: World;

before(async () => {
  writeFileSync(upload.path, content);
  world = stack.use(await startWorld({ policy, answer: api.answer }));
});
after(() => stack.disposeAsync());

for (const client of clients) {
  suite(client.name, () => {
    let command: (ask: Ask) => Command;
    before(
      async () => {
        command = await client.prepare();
      },
      { timeout: 15 * 60_000 },
    );
    for (const door of doors) {
      suite(door.name, () => {
        for (const scenario of scenarios.filter((each) => concerns(each, client, door))) {
          test(scenario.name, { timeout: 60_000 }, async () => {
            await using task = await world.sidecar.open('work');
            await scenario.run(stageOf({ client, door, task, command }));
            if (scenario.anonymous !== true) await assertCameThrough(world.sidecar, { task, door });
          });
        }
      });
    }
  });
}

function concerns({ only, needs }: Scenario, client: Client, door: Door): boolean {
  return only?.includes(door) !== false && (needs === undefined || client.lacks?.includes(needs) !== true);
}

interface Played {
  readonly client: Client;
  readonly door: Door;
  readonly task: OpenTask;
  readonly command: (ask: Ask) => Command;
}

function stageOf({ client, door, task, command }: Played): Stage {
  const { sidecar } = world;
  return {
    client,
    door,
    task,
    sidecar,
    api,
    upload,
    start({ path, as = task, headers, ...ask }) {
      const bundle = sidecar.trust['SSL_CERT_FILE'] ?? '';
      const url = door.url(sidecar.proxy, path);
      const { program, argv, input } = command({ ...ask, url, bundle, headers: { ...headers, ...door.headers(as) } });
      // Nothing of this machine's settings, so that only what a user is told to set is set.
      const env = {
        PATH: process.env['PATH'] ?? '',
        HOME: folder,
        LANG: 'C.UTF-8',
        ...(door.proxied ? { ...proxyEnvironment(as, sidecar.trust), ...client.environment?.(as.proxyUrl, sidecar.trust) } : {}),
      };
      return start(program, argv, { env, ...(input === undefined ? {} : { input }) });
    },
  };
}
