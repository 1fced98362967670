// npm run matrix: writes the table of clients into the README.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Row, Took } from './client.ts';
import { rows } from './drivers.ts';

const readme = new URL('../../../README.md', import.meta.url);
const [begin, end] = ['<!-- clients: npm run matrix -->\n\n', '\n<!-- /clients -->'];

/** The README as it is, and with the table that the drivers make. */
export function readReadme(): { readonly text: string; readonly current: string } {
  const text = readFileSync(readme, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error('the README has no place for the table of clients');
  return { text, current: `${text.slice(0, from + begin.length)}${table()}${text.slice(to)}` };
}

function table(): string {
  const cells = [
    ['client', 'under `exeat run`', "with a task's proxy URL", 'its own limits'],
    ...rows.map(({ name, took, tookByUrl = took, limits = [] }: Row) => [name, shown(took), shown(tookByUrl), limits.join('; ')]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |\n`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
}

function shown(took: Took): string {
  return took === 'nothing' ? 'nothing' : took.replace(/^setting: /, '').replace(/^route: /, 'a route: ');
}

if (import.meta.main) writeFileSync(readme, readReadme().current);
