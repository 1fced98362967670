// Clients of more than single requests, each with a service of its own: by a task's proxy URL, and under `exeat run`.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readRun } from '../support/exeat.ts';
import { start, type Ended } from '../support/program.ts';
import { assertCameThrough } from './came-through.ts';
import { apiNames, httpsDoor, plainEnvironment, proxyEnvironment } from './doors.ts';
import { serviceClients } from './drivers.ts';
import type { Command } from './client.ts';
import type { Deed } from './service-client.ts';
import { startWorld, type World } from './world.ts';

const prepareMs = 15 * 60_000;
const origin = `https://${apiNames.proxy}`;

for (const client of serviceClients) {
  const { name, policy, serve, destination = {}, denied = /policy_denied/, revoked = /task_revoked/ } = client;
  suite(name, () => {
    const home = mkdtempSync(join(tmpdir(), 'exeat-service-'));
    const stack = new AsyncDisposableStack();
    stack.defer(() => rmSync(home, { recursive: true, force: true }));
    let command: (deed: Deed, origin: string) => Command;
    let world: World;
    before(
      async () => {
        command = await client.prepare();
        world = stack.use(await startWorld({ policy, serve, destination, routed: false }));
      },
      { timeout: prepareMs },
    );
    after(() => stack.disposeAsync());

    for (const way of ["with a task's proxy URL", 'under exeat run'] as const) {
      suite(way, () => {
        test("an allowed call arrives with the injected credential, the agent's own removed", { timeout: 60_000 }, async () => {
          const { task, ended } = await play('allowed', way);
          assert(ended.stdout.includes(task), told(ended));
          assert.equal(ended.code, 0, told(ended));
        });

        test('a denied call is told why', { timeout: 60_000 }, async () => {
          const { task, ended } = await play('denied', way);
          assert.match(told(ended), denied);
          assert(!ended.stdout.includes(task), told(ended));
        });
      });
    }

    test('a task that is revoked has its stream cut, and its next call is refused', { timeout: 60_000 }, async () => {
      await using task = await world.sidecar.open('work');
      const env = environmentOf(task);
      const following = command('followed', origin);
      await using program = start(following.program, following.argv, { env });
      await program.until(/event 1/);
      await task.revoke();
      assert.doesNotMatch(told(await program.ended()), /event 2|^done$/m);
      const next = command('allowed', origin);
      await using again = start(next.program, next.argv, { env });
      const ended = await again.ended();
      assert.match(told(ended), revoked);
      assert(!ended.stdout.includes(task.id), told(ended));
      await assertCameThrough(world.sidecar, { task, door: httpsDoor, refused: 'task_revoked' });
    });

    function environmentOf(task: Parameters<typeof proxyEnvironment>[0]): Record<string, string> {
      const { trust } = world.sidecar;
      return { ...plainEnvironment(home), ...proxyEnvironment(task, trust), ...client.environment?.(task.proxyUrl, trust) };
    }

    /** One deed, of which the audit log must have the calls, by the tunnel's door. */
    async function play(deed: Deed, way: string): Promise<{ readonly task: string; readonly ended: Ended }> {
      const { program, argv } = command(deed, origin);
      const expected = { door: httpsDoor, ...(deed === 'denied' ? { refused: 'policy_denied' as const } : {}) };
      if (way === 'under exeat run') {
        await using started = world.sidecar.run([program, ...argv], { env: plainEnvironment(home) });
        const ended = await started.ended();
        const run = readRun(ended);
        await assertCameThrough({ events: () => run.events }, { ...expected, task: { id: run.task } });
        return { task: run.task, ended };
      }
      await using task = await world.sidecar.open('work');
      await using started = start(program, argv, { env: environmentOf(task) });
      const ended = await started.ended();
      await assertCameThrough(world.sidecar, { ...expected, task });
      return { task: task.id, ended };
    }
  });
}

function told({ stdout, stderr }: Ended): string {
  return `${stdout}${stderr}`;
}
