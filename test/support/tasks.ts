import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { AuditEvent } from '../../src/audit/audit.ts';
import type { Door } from '../../src/call.ts';
import type { Lease, LeaseOutcome } from '../../src/credentials/credential.ts';
import { isRefusal, type ErrorCode, type Refusal } from '../../src/errors.ts';
import { openState, type State } from '../../src/state.ts';
import { intentConfig, tasksConfig } from '../../src/tasks/settings.ts';
import { createTasks, type Tasks } from '../../src/tasks/store.ts';
import type { OpenedTask, OpenRequest, RunningCall, Task } from '../../src/tasks/task.ts';

export const agentId = 'spiffe://acme.example/agents/triage';
export const intents = {
  triage: { description: 'Sort new issues', destinations: ['github', 'tickets'], max_ttl: '30m', budget: { calls: 20 } },
  read: { description: 'Read', destinations: ['github'] },
};

export interface Given {
  readonly tasks?: object;
  readonly intents?: Readonly<Record<string, object>>;
}

/** A call that remembers how it was cut. */
export interface TestCall extends RunningCall {
  cutBy: ErrorCode | undefined;
}

/** Tasks on a real state folder, with a clock to be set and the outside recorded. */
export interface TestTasks extends AsyncDisposable {
  readonly tasks: Tasks;
  readonly folder: string;
  /** Epoch ms; change it to let time pass. */
  now: number;
  /** undefined: there is no valid identity. */
  agent: string | undefined;
  auditFailure: Error | undefined;
  readonly events: AuditEvent[];
  /** Ids of tasks whose leases were revoked. */
  readonly revoked: string[];
  leases: Lease[];
  outcomes: LeaseOutcome[];
  /** What `revokeLeases` waits for. */
  revoking: Promise<void>;
  open(request?: Partial<OpenRequest>, by?: 'orchestrator' | 'agent'): OpenedTask;
  /** Asks the gate as the spine does; a refusal's code, or the call that runs. */
  call(task: Task, operation?: string): TestCall | Refusal;
  /** The codes of the events so far, without the rest. */
  kinds(): string[];
  /** From now on nothing can be written. */
  breakDisk(): void;
  /** `crash`: the process dies between two writes. */
  restart(how: 'crash' | 'clean', given?: Given): Promise<void>;
}

export async function startTasks(given: Given = {}): Promise<TestTasks> {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-tasks-'));
  let state: State = openState(folder);
  let settings = given;
  let broken = false;

  function start(): Tasks {
    const parsed = Object.entries(settings.intents ?? intents).map(([name, intent]) => [name, intentConfig.parse(intent)]);
    return createTasks(
      {
        tasks: tasksConfig.parse({ drain: '50ms', max_running: 100_000, max_running_per_task: 100_000, ...settings.tasks }),
        intents: Object.fromEntries(parsed),
      },
      {
        state,
        audit: {
          append: (event) => void fixture.events.push(event),
          get failure() {
            return fixture.auditFailure;
          },
        },
        agent: () => (fixture.agent === undefined ? undefined : principal(fixture.agent)),
        leases: (id) => fixture.leases.filter(({ task }) => task === id),
        async revokeLeases(id) {
          await fixture.revoking;
          fixture.revoked.push(id);
          return fixture.outcomes;
        },
        proxyUrl: () => 'http://127.0.0.1:7070',
        clock: () => fixture.now,
      },
    );
  }

  let tasks: Tasks | undefined;
  const fixture: TestTasks = {
    get tasks() {
      assert(tasks !== undefined);
      return tasks;
    },
    folder,
    now: Date.parse('2026-11-02T09:00:00Z'),
    agent: agentId,
    auditFailure: undefined,
    events: [],
    revoked: [],
    leases: [],
    outcomes: [],
    revoking: Promise.resolve(),
    open(request = {}, by = 'orchestrator') {
      const opened = fixture.tasks.open({ intent: 'triage', ...request }, by);
      assert(!isRefusal(opened), JSON.stringify(opened));
      return opened;
    },
    call(task, operation = 'github read /issues') {
      const destination = operation.split(' ', 1)[0] ?? '';
      const call: TestCall = {
        cutBy: undefined,
        seat: -1,
        cut(code) {
          call.cutBy = code;
        },
      };
      const refusal = fixture.tasks.check(task, destination) ?? fixture.tasks.begin(task, { operation, charge: {} }, call);
      assert(!(refusal instanceof Promise));
      return refusal ?? call;
    },
    kinds: () => fixture.events.map(({ kind }) => kind),
    breakDisk() {
      state[Symbol.dispose]();
      broken = true;
    },
    async restart(how, next = settings) {
      if (how === 'clean') await fixture.tasks[Symbol.asyncDispose]();
      state[Symbol.dispose]();
      state = openState(folder);
      settings = next;
      tasks = start();
      await fixture.tasks.start();
    },
    async [Symbol.asyncDispose]() {
      await turn();
      await fixture.tasks[Symbol.asyncDispose]();
      if (!broken) state[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  tasks = start();
  await fixture.tasks.start();
  return fixture;
}

export function principal(id: string) {
  return { id, issuer: id, subject: id, kind: 'jwt-svid', attributes: {} } as const;
}

export function caller(presented: string | undefined, door: Door = 'forward') {
  return { door, presented, remoteAddress: '127.0.0.1', foreignPage: false };
}

export function basic(credential: string): string {
  return `Basic ${Buffer.from(credential.replace('.', ':')).toString('base64')}`;
}

/** The code of a refusal; undefined for anything else. */
export function codeOf(answer: unknown): ErrorCode | undefined {
  return typeof answer === 'object' && answer !== null && isRefusal(answer) ? answer.refused : undefined;
}

export function lease(task: string, more: Partial<Lease> = {}): Lease {
  return {
    id: 'lease_1',
    task,
    destination: 'github',
    kind: 'token-exchange',
    audience: undefined,
    scope: undefined,
    issuedAt: 0,
    expiresAt: Date.parse('2026-11-02T09:05:00Z'),
    revocation: 'issuer',
    shared: false,
    legacy: false,
    fingerprint: 'f',
    ...more,
  };
}

/** Of a call that used nothing worth counting. */
export const nothingUsed = { charge: {}, spent: { bytes: 0 } };
