import assert from 'node:assert/strict';
import type { Program } from '../support/program.ts';
import type { OpenTask, RunningSidecar } from '../support/exeat.ts';
import { readAnswer, readStatuses, type Answer } from './answer.ts';
import type { Ask, Client, Lack } from './client.ts';
import { httpsDoor, proxyDoor, withWrongSecret, type Door } from './doors.ts';
import type { ItemsApi } from './items-api.ts';
import { startRelay } from './relay.ts';
import { ownCredential } from './service-client.ts';

/** A file, and what arrives when it is sent. */
export interface Upload {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What a scenario has to work with: a fresh task, and one client at one door. */
export interface Stage {
  readonly client: Client;
  readonly door: Door;
  readonly task: OpenTask;
  readonly sidecar: RunningSidecar;
  readonly api: ItemsApi;
  readonly upload: Upload;
  readonly largest: Upload;
  /** Starts the client; `as` names another task, or the same by other means. */
  readonly start: (ask: Omit<Ask, 'url'> & { readonly path: string; readonly as?: OpenTask }) => Program;
}

export interface Scenario {
  readonly name: string;
  /** Left out: all of them. */
  readonly only?: readonly Door[];
  readonly needs?: Lack;
  /** Only for clients that speak HTTP/2. */
  readonly http2?: true;
  /** Its calls belong to no task. */
  readonly anonymous?: true;
  readonly run: (stage: Stage) => Promise<void>;
}

const proxies = [proxyDoor, httpsDoor];

export const scenarios: readonly Scenario[] = [
  {
    name: 'an allowed read reaches the API with a token of this task',
    run: async ({ start, task }) => {
      const { status, body } = await answerOf(start({ method: 'GET', path: '/items' }));
      assert.equal(status, 200, body);
      const { for: claims } = JSON.parse(body) as { for: { task: string; scope: string } };
      assert.equal(claims.task, task.id);
      assert.equal(claims.scope, 'items:read items:write');
    },
  },
  {
    name: 'what is allowed and what is refused come over HTTP/2',
    only: [httpsDoor],
    http2: true,
    run: async ({ start }) => {
      for (const method of ['GET', 'POST'] as const) assert.match((await answerOf(start({ method, path: '/items' }))).version, /^HTTP\/2/);
    },
  },
  {
    name: 'a denied write is told why, and the API sees nothing of it',
    run: async ({ start, api, upload }) => {
      assertRefused(await answerOf(start({ method: 'POST', path: '/items', file: upload.path })), 'policy_denied');
      assert(!api.seen.includes('POST /items'));
    },
  },
  {
    name: "the API gets Exeat's credential in place of the agent's own",
    only: proxies,
    run: async ({ start, task }) => {
      const { status, body } = await answerOf(
        start({ method: 'GET', path: '/items', headers: { Authorization: `Bearer ${ownCredential}` } }),
      );
      assert.equal(status, 200, body);
      assert.equal((JSON.parse(body) as { for: { task: string } }).for.task, task.id);
    },
  },
  {
    name: 'a wrong secret is refused',
    anonymous: true,
    run: async ({ start, task, door, client }) => {
      const started = start({ method: 'GET', path: '/items', as: withWrongSecret(task) });
      const told = { forward: client.proxyRefused, tunnel: client.tunnelRefused ?? /\b407\b/, route: undefined }[door.audited];
      if (told !== undefined) {
        await using program = started;
        await program.until(told);
        assert.doesNotMatch((await program.ended()).stdout, /"items"/);
        return;
      }
      const answer = await answerOf(started);
      assert.equal(answer.status, door.refusal.status);
      assert.equal(problemOf(answer)['code'], door.refusal.code);
    },
  },
  {
    name: 'a large upload arrives intact',
    run: async ({ start, upload: { path: file, bytes, sha256 } }) => {
      const answer = await answerOf(start({ method: 'PUT', path: '/uploads/1', file }));
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(JSON.parse(answer.body), { bytes, sha256, chunked: false });
    },
  },
  {
    name: 'an upload of 100 MB arrives intact',
    only: [httpsDoor],
    run: async ({ start, largest: { path: file, bytes, sha256 } }) => {
      const answer = await answerOf(start({ method: 'PUT', path: '/uploads/largest', file }));
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(JSON.parse(answer.body), { bytes, sha256, chunked: false });
    },
  },
  {
    name: 'a large chunked upload arrives intact',
    needs: 'chunked',
    run: async ({ start, upload: { path: file, bytes, sha256 } }) => {
      const answer = await answerOf(start({ method: 'PUT', path: '/uploads/1', file, chunked: true }));
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(JSON.parse(answer.body), { bytes, sha256, chunked: true });
    },
  },
  {
    name: 'a large chunked upload that is denied is told why',
    needs: 'chunked',
    run: async ({ start, upload: { path: file } }) => {
      assertRefused(await answerOf(start({ method: 'POST', path: '/items', file, chunked: true })), 'policy_denied');
    },
  },
  {
    name: 'a large upload that the API answers before it was all sent gets that answer',
    run: async ({ start, upload: { path: file } }) => {
      const { status, body } = await answerOf(start({ method: 'PUT', path: '/uploads/too-large', file }));
      assert.deepEqual({ status, body }, { status: 413, body: 'too large' });
    },
  },
  {
    name: 'a stream of events arrives event by event',
    run: async ({ start, api }) => {
      await using program = start({ method: 'GET', path: '/events' });
      for (const event of ['event 1', 'event 2', 'event 3']) {
        // The API holds the next event back until the client has printed this one.
        await program.until(new RegExp(event));
        api.release();
      }
      assert.equal((await program.ended()).code, 0);
    },
  },
  {
    name: 'a task that is revoked has its stream cut, and its next call is refused',
    run: async ({ start, task }) => {
      await using program = start({ method: 'GET', path: '/events' });
      await program.until(/event 1/);
      await task.revoke();
      const { code, stdout } = await program.ended();
      assert.doesNotMatch(stdout, /event 2/);
      assert.notEqual(code, 0, 'the client takes the stream for a whole one');
      assertRefused(await answerOf(start({ method: 'GET', path: '/items' })), 'task_revoked');
    },
  },
  {
    name: 'three calls share connections to the sidecar',
    needs: 'keep-alive',
    only: proxies,
    run: async ({ start, sidecar, task }) => {
      await using relay = await startRelay(sidecar.proxy);
      const proxyUrl = new URL(task.proxyUrl);
      proxyUrl.port = String(relay.port);
      await using program = start({ method: 'GET', path: '/items', times: 3, as: { ...task, proxyUrl } });
      assert.deepEqual(readStatuses((await program.ended()).stdout), [200, 200, 200]);
      // One, but for a first one that was answered with 407, and for clients that begin before the last one is free again.
      assert(relay.connections() < 3, `${relay.connections()} connections`);
    },
  },
];

/** The one answer that a client printed. */
export async function answerOf(started: Program): Promise<Answer> {
  await using program = started;
  const { stdout, stderr } = await program.ended();
  try {
    return readAnswer(stdout);
  } catch (cause) {
    throw new Error(`no answer was printed, but: ${stderr}`, { cause });
  }
}

export function assertRefused(answer: Answer, code: string): void {
  assert.equal(answer.status, 403, answer.body);
  assert.equal(problemOf(answer)['code'], code);
}

function problemOf({ contentType, body }: Answer): Readonly<Record<string, unknown>> {
  assert.equal(contentType, 'application/problem+json');
  return JSON.parse(body) as Record<string, unknown>;
}
