// Clients that people use, unmodified, with environment variables or a base URL: a table of clients, doors and scenarios.
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { start } from '../support/program.ts';
import { readRun, type OpenTask } from '../support/exeat.ts';
import { assertCameThrough } from './came-through.ts';
import type { Ask, Client, Command } from './client.ts';
import { doors, httpsDoor, plainEnvironment, proxyEnvironment, type Door } from './doors.ts';
import { clients } from './drivers.ts';
import { createItemsApi } from './items-api.ts';
import { runScenarios } from './run-scenarios.ts';
import { scenarios, type Scenario, type Stage, type Upload } from './scenarios.ts';
import { httpApi, startWorld, type World } from './world.ts';

const policy = `@id("work reads") permit (principal, action in Action::"read", resource);
@id("work uploads") permit (principal, action == Action::"PUT", resource) when { context.http.path like "/uploads/*" };`;

const api = createItemsApi();
const folder = mkdtempSync(join(tmpdir(), 'exeat-clients-'));
const stack = new AsyncDisposableStack();
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const content = randomBytes(8 * 1024 * 1024);
const upload = uploadOf('upload', [content]);
const largest = uploadOf('largest', Array<Buffer>(13).fill(content));
let world: World;

before(async () => {
  world = stack.use(await startWorld({ policy, serve: httpApi(api.answer) }));
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
    suite('under exeat run', () => {
      for (const scenario of runScenarios) {
        test(scenario.name, { timeout: 60_000 }, async () => {
          await scenario.run(async ({ path, ...ask }) => {
            const { program, argv, input } = command({ ...ask, url: httpsDoor.url(world.sidecar.proxy, path) });
            await using started = world.sidecar.run([program, ...argv], {
              env: plainEnvironment(folder),
              ...(input === undefined ? {} : { input }),
            });
            const ended = await started.ended();
            const run = readRun(ended);
            await assertCameThrough({ events: () => run.events }, { task: { id: run.task }, door: httpsDoor });
            return { ...run, ended };
          });
        });
      }
    });
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

function concerns({ only, needs, http2 }: Scenario, client: Client, door: Door): boolean {
  const isAble = (needs === undefined || client.lacks?.includes(needs) !== true) && (http2 === undefined || client.http2 === true);
  return only?.includes(door) !== false && isAble;
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
    largest,
    start({ path, as = task, headers, ...ask }) {
      const url = door.url(sidecar.proxy, path);
      const { program, argv, input } = command({ ...ask, url, headers: { ...headers, ...door.headers(as) } });
      const env = {
        ...plainEnvironment(folder),
        ...(door.proxied ? { ...proxyEnvironment(as, sidecar.trust), ...client.environment?.(as.proxyUrl, sidecar.trust) } : {}),
      };
      return start(program, argv, { env, ...(input === undefined ? {} : { input }) });
    },
  };
}

function uploadOf(name: string, parts: readonly Buffer[]): Upload {
  const path = join(folder, name);
  const digest = createHash('sha256');
  for (const part of parts) {
    appendFileSync(path, part);
    digest.update(part);
  }
  return { path, bytes: parts.reduce((sum, { length }) => sum + length, 0), sha256: digest.digest('hex') };
}
