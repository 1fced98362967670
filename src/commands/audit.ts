import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { verifyAudit, type AuditReport } from '../audit/verify.ts';

export const summary = 'verify the audit log';

export const help = `Usage: exeat audit verify FILE [--public-key PEM]… [--head FILE] [--json]

Follows the hash chain through FILE and the files rotated before it, and names the first line that is broken.

  --public-key PEM   checks the signatures of checkpoints; "audit-public.pem" in the state folder. May be given more than once
  --head FILE        "audit-head.json" of the state folder: also tells a log whose end was cut off
  --json             the report as JSON

Exit code 0: nothing is broken. 1: something is. 2: wrong usage, or a file that cannot be read.`;

const subcommands: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = { verify };

export async function run([name, ...argv]: readonly string[]): Promise<number> {
  const subcommand = name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand !== undefined) return await subcommand(argv);
  const what = name === undefined ? 'say what to do' : `there is no "audit ${name}"`;
  return misused(`${what}: exeat audit verify FILE`);
}

async function verify(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { 'public-key': { type: 'string', multiple: true }, head: { type: 'string' }, json: { type: 'boolean' } },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) return misused('say which file: exeat audit verify FILE');
  const keys = values['public-key'] ?? [];
  try {
    const publicKeys = keys.map((path) => readFileSync(path, 'utf8'));
    const report = await verifyAudit(file, { publicKeys, ...(values.head !== undefined && { head: values.head }) });
    if (values.json === true) console.log(JSON.stringify(report));
    else for (const line of linesFor(report)) console.log(line);
    return report.ok ? 0 : 1;
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error));
  }
}

function misused(message: string): number {
  console.error(`exeat audit: ${message}\n"exeat audit --help" tells what it takes.`);
  return 2;
}

const notChecked = {
  signatures: 'not checked: who wrote it. Without --public-key the chain holds together, but anyone may have made it',
  end: 'not checked: whether its end is here. Without --head an end that was cut off at a checkpoint is not missed',
} as const;

function linesFor(report: AuditReport): string[] {
  const { first, last, files, unchecked, unanchored, problem } = report;
  const lines = [
    `${report.lines} lines in ${files.length} file(s), seq ${first ?? '-'} to ${last ?? '-'}, ${report.checkpoints} checkpoints`,
  ];
  if (first === undefined && problem === undefined) lines.push('nothing has been recorded here');
  if ((first ?? 1) > 1) lines.push(`the chain begins at seq ${first}: older files are not here`);
  for (const gap of report.gaps) lines.push(`gap at seq ${gap.seq}: ${gap.reason}${gap.lost > 0 ? `, ${gap.lost} events lost` : ''}`);
  if (report.torn) lines.push('the last line is torn: it is being written, or its writer was killed');
  if (!unchecked.includes('signatures') && unanchored > 0)
    lines.push(`the last ${unanchored} lines are unanchored: no signed checkpoint covers them yet`);
  lines.push(...unchecked.map((what) => notChecked[what]));
  const good = unchecked.length === 0 ? 'ok' : 'nothing is broken in what was checked';
  lines.push(problem === undefined ? good : `broken: ${problem.file}:${problem.line}: ${problem.what}`);
  return lines;
}
