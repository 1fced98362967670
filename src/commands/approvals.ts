import { parseArgs } from 'node:util';
import { didYouMean } from '../nearest.ts';
import type { ApprovalView } from '../tasks/approval.ts';
import { controlHelp, controlOptions, createControlClient, type ControlClient } from './control-client.ts';
import { columns } from './task-text.ts';

export const summary = 'see and decide what policy lets go only after a yes';

export const help = `Usage: exeat approvals list
       exeat approvals show | deny ID
       exeat approvals allow ID [--uses N] [--for 5m]

  list       what waits for approval, and what was decided and still stands
  show       one question, with the arguments that it is about; they come from the agent
  allow      lets this very operation, with these arguments, go
  deny       says no; the same call is refused until the question has expired

  --uses N            how many such calls may go; 1 unless said
  --for DURATION      how long the yes stands; approvals.grant_for unless said
${controlHelp}

Takes the approver's token unless a file is named.`;

const actions: Readonly<Record<string, (client: ControlClient, id: string, grant: object) => Promise<unknown>>> = {
  list: (client) => client.call('GET', '/v1/approvals'),
  show: (client, id) => client.call('GET', `/v1/approvals/${encodeURIComponent(id)}`),
  allow: (client, id, grant) => client.call('POST', `/v1/approvals/${encodeURIComponent(id)}/allow`, grant),
  deny: (client, id) => client.call('POST', `/v1/approvals/${encodeURIComponent(id)}/deny`),
};

export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...controlOptions, uses: { type: 'string' }, for: { type: 'string' } },
  });
  const [name = '', id, ...more] = positionals;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined)
    return misused(name === '' ? 'say what to do' : `there is no "${name}"${didYouMean(name, Object.keys(actions))}`);
  if (name !== 'list' && id === undefined) return misused(`"${name}" takes ID`);
  if (more.length > 0 || (name === 'list' && id !== undefined)) return misused(`"${name}" takes no more than that`);
  if (name !== 'allow' && (values.uses ?? values.for) !== undefined) return misused('--uses and --for belong to "allow"');
  if (values.uses !== undefined && !/^[1-9]\d{0,2}$/.test(values.uses)) return misused('--uses takes a number up to 999');
  const client = createControlClient({ control: values.control, tokenFile: values['token-file'], role: 'approver' });
  const grant = {
    ...(values.uses === undefined ? {} : { uses: Number(values.uses) }),
    ...(values.for === undefined ? {} : { for: values.for }),
  };
  const answer = await action(client, id ?? '', grant);
  if (values.json) console.log(JSON.stringify(answer, undefined, 2));
  else console.log(name === 'list' ? table((answer as { approvals: ApprovalView[] }).approvals) : columns(cellsOf(answer as ApprovalView)));
  return 0;
}

function table(approvals: readonly ApprovalView[]): string {
  const rows = approvals.map(({ id, state, operation, intent, rule, expires_at: until }) => [id, state, operation, intent, rule, until]);
  return columns([['ID', 'STATE', 'OPERATION', 'INTENT', 'RULE', 'UNTIL'], ...rows]);
}

function cellsOf(approval: ApprovalView): string[][] {
  return Object.entries(approval).map(([name, value]) => [name, String(value ?? '')]);
}

function misused(message: string): number {
  console.error(`exeat approvals: ${message}. "exeat approvals --help" tells what it takes.`);
  return 2;
}
