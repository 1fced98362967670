import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { auditFolder, someEvent, type AuditFolder } from '../support/audit.ts';

let log: AuditFolder;
let lines: string[];

before(async () => {
  log = auditFolder();
  await using sink = await log.open();
  for (let i = 0; i < 30; i += 1) void sink.append(someEvent(`event ${i}`));
  await sink[Symbol.asyncDispose]();
  lines = log.lines();
});
after(() => log[Symbol.dispose]());

const index = fc.nat(31);
const edits = fc.oneof(
  fc.tuple(index, fc.nat(200), fc.constantFrom('x', '0', ' ', '"')).map(([at, column, by]) => (all: string[]) => {
    const line = all[at] ?? '';
    const where = column % line.length;
    return line[where] === by ? undefined : all.with(at, line.slice(0, where) + by + line.slice(where + 1));
  }),
  index.map((at) => (all: string[]) => all.toSpliced(at, 1)),
  fc.tuple(index, index).map(
    ([a, b]) =>
      (all: string[]) =>
        a === b ? undefined : all.with(a, all[b] ?? '').with(b, all[a] ?? ''),
  ),
  fc.tuple(index, index).map(
    ([at, of]) =>
      (all: string[]) =>
        all.toSpliced(at, 0, all[of] ?? ''),
  ),
);

test('an edit, a deletion, a swap or an insertion anywhere before the last checkpoint is found', async () => {
  await fc.assert(
    fc.asyncProperty(edits, async (edit) => {
      const changed = edit(lines);
      if (changed === undefined) return;
      // What is cut off at either end is not a broken chain: the report says from where to where it goes, and what is unanchored.
      writeFileSync(log.file, `${changed.join('\n')}\n`);
      const report = await log.verify();
      const wholeAnchored = report.ok && report.first === 1 && report.unanchored === 0 && report.last === lines.length;
      assert.ok(!wholeAnchored);
    }),
    { numRuns: 300 },
  );
});
