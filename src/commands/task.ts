import { parseArgs } from 'node:util';
import { didYouMean } from '../nearest.ts';
import type { TaskReport, TaskSummary } from '../tasks/task.ts';
import { controlHelp, controlOptions, createControlClient, type ControlClient } from './control-client.ts';
import { columns, detailsOf, exportLines, rowOf, type OpenedAnswer } from './task-text.ts';

export const summary = 'open, look at and end tasks of a running sidecar';

export const help = `Usage: exeat task open INTENT [--ttl 15m] [--calls N] [--plan OPERATION]... [--export]
       exeat task list
       exeat task show | pause | resume | complete | revoke ID
       exeat task allow

  open       opens a task and prints its proxy URL, which carries the task's credential
  pause      refuses new calls and cuts none; time runs on. While a task of the agent's own is paused the agent opens no other,
             and if it ends so, by the agent or by time, none until "allow"
  complete   refuses new calls, lets running ones end within tasks.drain, cuts the rest, revokes what was issued
  revoke     cuts at once and revokes; the agent opens no task for itself until "allow"
  allow      lets it do so again

  --ttl DURATION      how long the task may last, within the intent's and the configuration's ceilings
  --calls N           how many calls it may make, within the intent's ceiling
  --budget NAME=LIMIT bytes=10MiB, tokens=50000, cost=2.50 or "tickets delete=1" (a tool); may be given several times
  --plan OPERATION    an operation it will need, "destination group resource"; may be given several times
  --export            print shell lines to evaluate: eval "$(exeat task open INTENT --export)"
${controlHelp}

"open" takes the orchestrator's token unless a file is named, the rest the operator's.`;

const options = {
  ...controlOptions,
  ttl: { type: 'string' },
  calls: { type: 'string' },
  budget: { type: 'string', multiple: true },
  plan: { type: 'string', multiple: true },
  export: { type: 'boolean', default: false },
} as const;

type Words = ReturnType<typeof parse>;

interface Action {
  /** What stands for the one word that follows; undefined: none does. */
  readonly takes: 'INTENT' | 'ID' | undefined;
  readonly role: 'operator' | 'orchestrator';
  ask(client: ControlClient, word: string, values: Words['values']): Promise<unknown>;
  show(answer: unknown, values: Words['values']): string;
}

const byId = (change: string): Action => ({
  takes: 'ID',
  role: 'operator',
  ask: (client, id) => client.call('POST', `/v1/tasks/${encodeURIComponent(id)}/${change}`),
  show: (answer) => detailsOf(answer as TaskReport),
});

const actions: Readonly<Record<string, Action>> = {
  open: {
    takes: 'INTENT',
    role: 'orchestrator',
    ask: (client, intent, { ttl, calls, plan, budget }) =>
      client.call('POST', '/v1/tasks', { intent, ttl, plan, ...budgetOf(calls, budget) }),
    show: (answer, values) => (values.export ? exportLines(answer as OpenedAnswer) : columns(Object.entries(answer as OpenedAnswer))),
  },
  list: {
    takes: undefined,
    role: 'operator',
    ask: (client) => client.call('GET', '/v1/tasks'),
    show: (answer) =>
      columns([['ID', 'STATE', 'INTENT', 'OPENED BY', 'CALLS', 'EXPIRES'], ...(answer as { tasks: TaskSummary[] }).tasks.map(rowOf)]),
  },
  show: {
    takes: 'ID',
    role: 'operator',
    ask: (client, id) => client.call('GET', `/v1/tasks/${encodeURIComponent(id)}`),
    show: (answer) => detailsOf(answer as TaskReport),
  },
  pause: byId('pause'),
  resume: byId('resume'),
  complete: byId('complete'),
  revoke: byId('revoke'),
  allow: {
    takes: undefined,
    role: 'operator',
    ask: (client) => client.call('POST', '/v1/agents/allow'),
    show: () => 'The agent may open tasks for itself.',
  },
};

export async function run(argv: readonly string[]): Promise<number> {
  const [name = '', ...rest] = argv;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    return misused(name === '' ? 'say what to do' : `there is no "${name}"${didYouMean(name, Object.keys(actions))}`);
  }
  const { values, positionals } = parse(rest);
  const [word, ...more] = positionals;
  if (action.takes !== undefined && word === undefined) return misused(`"${name}" takes ${action.takes}`);
  if (more.length > 0 || (action.takes === undefined && word !== undefined)) return misused(`"${name}" takes no more than that`);
  const foreign =
    name === 'open'
      ? undefined
      : (['ttl', 'calls', 'budget', 'plan', 'export'] as const).find((option) => values[option] !== undefined && values[option] !== false);
  if (foreign !== undefined) return misused(`--${foreign} belongs to "open"`);
  if (values.calls !== undefined && !/^[1-9]\d{0,8}$/.test(values.calls)) return misused('--calls takes a number');
  const client = createControlClient({ control: values.control, tokenFile: values['token-file'], role: action.role });
  const answer = await action.ask(client, word ?? '', values);
  console.log(values.json ? JSON.stringify(answer, undefined, 2) : action.show(answer, values));
  return 0;
}

function budgetOf(calls: string | undefined, said: readonly string[] = []): { budget?: object } {
  if (calls === undefined && said.length === 0) return {};
  const budget: Record<string, unknown> = calls === undefined ? {} : { calls: Number(calls) };
  const tools: Record<string, number> = {};
  for (const text of said) {
    const at = text.lastIndexOf('=');
    const [name, limit] = [text.slice(0, at), text.slice(at + 1)];
    if (at < 1) throw new Error(`--budget "${text}": expected NAME=LIMIT`);
    if (name.includes(' ')) tools[name] = Number(limit);
    else budget[name] = name === 'bytes' ? limit : Number(limit);
  }
  return { budget: { ...budget, ...(Object.keys(tools).length === 0 ? {} : { tools }) } };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
}

function misused(message: string): number {
  console.error(`exeat task: ${message}. "exeat task --help" tells what it takes.`);
  return 2;
}
