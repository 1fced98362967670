import assert from 'node:assert/strict';
import type { Ended } from '../support/program.ts';
import { readAnswer } from './answer.ts';
import type { Ask } from './client.ts';
import { assertRefused } from './scenarios.ts';
import { ownCredential } from './service-client.ts';

interface Played {
  readonly task: string;
  readonly revoked: number;
  readonly ended: Ended;
}

/** What is seen of a client that `exeat run` starts: the environment it makes is all that leads the client through. */
interface RunScenario {
  readonly name: string;
  readonly run: (play: (ask: Omit<Ask, 'url'> & { readonly path: string }) => Promise<Played>) => Promise<void>;
}

export const runScenarios: readonly RunScenario[] = [
  {
    name: "an allowed read reaches the API with a token of the run in place of the agent's own, revoked at its end",
    run: async (play) => {
      const { task, revoked, ended } = await play({ method: 'GET', path: '/items', headers: { Authorization: `Bearer ${ownCredential}` } });
      const { status, body } = readAnswer(ended.stdout);
      assert.equal(status, 200, body);
      assert.equal((JSON.parse(body) as { for: { task: string } }).for.task, task);
      assert.equal(revoked, 1);
    },
  },
  {
    name: 'a denied write is told why',
    run: async (play) => {
      const { ended } = await play({ method: 'POST', path: '/items' });
      assertRefused(readAnswer(ended.stdout), 'policy_denied');
    },
  },
];
