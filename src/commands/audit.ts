import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { verifyAudit, type AuditReport } from '../audit/verify.ts';

export const summary = 'verify the audit log';

export const help = `Usage: exeat audit verify FILE [--public-key PEM]… [--head FILE] [--json]

Follows the hash chain through FILE and the files rotated before it, and names the first line that is broken.

  --public-key PEM   checks the signatures of checkpoints; "audit-public.pem" in the state folder. May be given more than once
  --head FILE        "audit-head.json" of the state folder: also tells a log whose end was cut off
  --json             the report as JSON

Exit code 0: nothing is broken. 1: something is. 2: wrong usage.`;

export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { 'public-key': { type: 'string', multiple: true }, head: { type: 'string' }, json: { type: 'boolean' } },
  });
  const [command, file, ...more] = positionals;
  if (command !== 'verify' || file === undefined || more.length > 0) {
    console.error('exeat audit: say which file: "exeat audit verify FILE". See "exeat audit --help".');
    return 2;
  }
  const publicKeys = (values['public-key'] ?? []).map((path) => readFileSync(path, 'utf8'));
  const report = await verifyAudit(file, { publicKeys, ...(values.head === undefined ? {} : { head: values.head }) });
  if (values.json === true) console.log(JSON.stringify(report));
  else for (const line of linesFor(report, publicKeys.length > 0)) console.log(line);
  return report.ok ? 0 : 1;
}

function linesFor(report: AuditReport, keyGiven: boolean): string[] {
  const lines = [
    `${report.lines} lines in ${report.files.length} file(s), numbers ${report.first ?? '-'} to ${report.last ?? '-'}, ${report.checkpoints} checkpoints`,
  ];
  if ((report.first ?? 1) > 1) lines.push(`the chain begins at number ${report.first}: older files are not here`);
  for (const gap of report.gaps) lines.push(`gap at number ${gap.seq}: ${gap.reason}${gap.lost > 0 ? `, ${gap.lost} events lost` : ''}`);
  if (report.torn) lines.push('the last line is torn: being written, or its writer was killed');
  if (!keyGiven) lines.push('no --public-key was given: the chain holds together, but nothing shows who wrote it');
  else if (report.unanchored > 0) lines.push(`the last ${report.unanchored} lines are unanchored: no signed checkpoint covers them yet`);
  if (report.problem === undefined) lines.push('ok');
  else lines.push(`broken: ${report.problem.file}:${report.problem.line}: ${report.problem.what}`);
  return lines;
}
