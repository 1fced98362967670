import type { TaskReport, TaskSummary } from '../tasks/task.ts';

/** What the control API answers when a task was opened. */
export interface OpenedAnswer {
  readonly id: string;
  readonly proxy_url: string;
  readonly credential: string;
  readonly expires_at: string;
}

/** Lines of cells, each column as wide as its widest cell. */
export function columns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function rowOf(task: TaskSummary): string[] {
  return [
    task.id,
    task.state,
    task.intent,
    task.origin,
    callsOf(task),
    task.ended_at === undefined ? task.expires_at : `ended ${task.ended_at}`,
  ];
}

/** One task with everything that is known of it. */
export function detailsOf(task: TaskReport): string {
  const head: string[][] = [
    ['id', task.id],
    ['state', task.ended_at === undefined ? task.state : `${task.state} ${task.ended_at}, by ${task.ended_by ?? 'unknown'}`],
    ...(task.recorded ? [] : [['recorded', 'NO: the state folder takes nothing; a restart would find the task as it was before']]),
    ['intent', `${task.intent}${task.attested ? '' : ' (not attested)'}`],
    ['agent', task.agent],
    ['opened', `${task.opened_at}, by ${task.origin}`],
    ['expires', task.expires_at],
    ['destinations', task.destinations.join(', ') || 'none'],
    ['calls', callsOf(task)],
  ];
  return [
    columns(head),
    ...section(
      'budgets',
      task.budgets.map(({ what, used, limit }) =>
        what === 'cost' ? [what, money(used), `of ${money(limit)}`] : [what, String(used), `of ${limit}`],
      ),
    ),
    ...section(
      'executed',
      task.executed.map(({ operation, calls }) => [String(calls), operation]),
    ),
    ...section(
      'unplanned',
      task.unplanned.map((operation) => [operation]),
    ),
    ...section(
      'planned, not executed',
      task.missed.map((operation) => [operation]),
    ),
    ...section(
      'credentials',
      task.leases.map(({ lease, destination, outcome, proof, dead_by: deadBy }) => [
        lease,
        destination,
        proof === undefined ? outcome : `${outcome} (${proof})`,
        `dead by ${deadBy ?? 'never: it does not expire'}`,
      ]),
    ),
  ].join('\n');
}

/** For a shell to evaluate. */
export function exportLines({ id, proxy_url: url, credential }: OpenedAnswer): string {
  const variables = { http_proxy: url, HTTP_PROXY: url, https_proxy: url, HTTPS_PROXY: url, EXEAT_TASK_ID: id, EXEAT_TASK: credential };
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`)
    .join('\n');
}

/** From millionths. */
function money(amount: number): string {
  return (amount / 1e6).toFixed(2);
}

function section(title: string, lines: readonly (readonly string[])[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, columns(lines).replaceAll(/^/gm, '  ')];
}

function callsOf({ calls }: TaskSummary): string {
  const running = calls.running === 0 ? '' : `, ${calls.running} running`;
  return `${calls.used}${calls.budget === null ? '' : ` of ${calls.budget}`}${running}`;
}

/** Names of operations come from what an agent called: nothing in them may steer a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '�');
}
