import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { isRefusal } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { startSidecar, type Sidecar } from '../../src/sidecar.ts';
import type { SidecarOptions } from '../../src/stages.ts';

/** Parts of a configuration file; what is left out is what most tests want. */
export interface TestConfig {
  readonly destinations: Readonly<Record<string, object>>;
  readonly intents?: Readonly<Record<string, object>>;
  readonly tasks?: object;
  readonly approvals?: object;
  readonly audit?: object;
  readonly identity?: object;
  readonly authority?: object;
  readonly upstream_proxy?: object;
  readonly tls?: object;
  readonly listen?: object;
  readonly reload?: object;
  readonly log?: object;
  /** Cedar text; everything is permitted unless said. */
  readonly policy?: string;
  /** The whole `policy:` key, for policies that are not Cedar text. */
  readonly engine?: object;
  /** Reuses the folder of an earlier sidecar: a restart. */
  readonly folder?: string;
}

/** Stages that a test swaps. */
export type TestStages = Partial<Pick<SidecarOptions, 'log' | 'resolve'>>;

export interface TestSidecar extends AsyncDisposable {
  readonly sidecar: Sidecar;
  readonly proxy: string;
  readonly folder: string;
  /** Opens a task as an orchestrator does; `authorization` is the value of Proxy-Authorization. */
  open(
    intent?: string,
    more?: object,
  ): { readonly id: string; readonly authorization: string; readonly credential: string; readonly proxyUrl: string };
  /** Audit events on disk that match, as soon as there are `count` of them. */
  events(match: Readonly<Record<string, unknown>>, count?: number): Promise<Record<string, unknown>[]>;
  allEvents(): Record<string, unknown>[];
  /** Writes other policies and other parts of the config for the next reload; a string is the whole text of the file, for once. */
  rewrite(next: Partial<TestConfig> | string): void;
}

export const permitAll = '@id("all") permit (principal, action, resource);';

/** A real sidecar in this process, on ports of its own, with its folder removed at the end unless it was given. */
export async function startTestSidecar(given: TestConfig, stages: TestStages = {}): Promise<TestSidecar> {
  await using opened = new AsyncDisposableStack();
  const folder = given.folder ?? opened.use(mkdtempDisposableSync(join(tmpdir(), 'exeat-test-'))).path;
  const policies = join(folder, 'policies');
  mkdirSync(policies, { recursive: true });
  let current = given;
  let text: string | undefined;
  const write = () => writeFileSync(join(policies, 'test.cedar'), current.policy ?? permitAll);
  const read = () => parseConfig(text ?? stringify(configOf(current, folder)), 'test.yaml');
  write();
  const log = createLog(process.env['EXEAT_TEST_LOG'] ?? 'silent');
  const sidecar = opened.use(await startSidecar({ config: read(), reread: read, log, ...stages }));
  const allEvents = () =>
    readFileSync(join(folder, 'audit.ndjson'), 'utf8')
      .split('\n')
      // What follows the last line feed is being written.
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const all = opened.move();
  return {
    sidecar,
    proxy: sidecar.proxy,
    folder,
    open(intent = 'work', more = {}) {
      const opened = sidecar.tasks.open({ intent, ...more }, 'orchestrator');
      if (isRefusal(opened)) throw new Error(`the task was refused: ${opened.refused}`);
      const credential = opened.credential.reveal();
      return {
        id: opened.task.id,
        credential,
        proxyUrl: opened.proxyUrl.reveal(),
        authorization: `Basic ${Buffer.from(credential.replace('.', ':')).toString('base64')}`,
      };
    },
    allEvents,
    async events(match, count = 1) {
      for (let tries = 0; ; tries += 1) {
        const found = allEvents().filter((event) => Object.entries(match).every(([name, value]) => event[name] === value));
        if (found.length >= count) return found;
        if (tries > 200) throw new Error(`no ${count} audit events match ${JSON.stringify(match)}`);
        await pause(10);
      }
    },
    rewrite(next) {
      text = typeof next === 'string' ? next : undefined;
      if (typeof next !== 'string') current = { ...current, ...next };
      write();
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** The whole configuration, with all its files in that folder. */
export function configOf(config: TestConfig, folder: string): object {
  return {
    listen: { proxy: '127.0.0.1:0', control: '127.0.0.1:0', health: '127.0.0.1:0', ...config.listen },
    identity: config.identity ?? { source: 'local', folder: join(folder, 'identity') },
    ...(config.authority === undefined ? {} : { authority: config.authority }),
    ...(config.tls === undefined ? {} : { tls: config.tls }),
    ...(config.upstream_proxy === undefined ? {} : { upstream_proxy: config.upstream_proxy }),
    control: {
      tokens: Object.fromEntries(
        ['operator', 'orchestrator', 'approver', 'agent'].map((role) => [role, { file: join(folder, `${role}.token`) }]),
      ),
    },
    tasks: { state: join(folder, 'state'), drain: '200ms', ...config.tasks },
    ...(config.approvals === undefined ? {} : { approvals: config.approvals }),
    intents: config.intents ?? { work: { description: 'Test', destinations: Object.keys(config.destinations) } },
    policy: config.engine ?? { engine: 'cedar', directory: join(folder, 'policies') },
    audit: { to: join(folder, 'audit.ndjson'), ...config.audit },
    reload: config.reload ?? {},
    log: config.log ?? {},
    destinations: config.destinations,
  };
}

/** A destination entry for an origin on loopback. */
export function loopback(origin: { readonly url: string }, more: object = {}): object {
  return { hosts: [origin.url], allow_private: true, unsafe_cleartext: true, ...more };
}
