import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { verifyAudit, type VerifyOptions } from '../../src/audit/verify.ts';
import { auditFolder, someEvent, type AuditFolder } from '../support/audit.ts';

/** The files of one log, oldest first, each as its lines. */
type Log = readonly (readonly string[])[];

let log: AuditFolder;
let original: Log;
let names: string[];
let options: VerifyOptions;

before(async () => {
  log = auditFolder();
  {
    await using sink = await log.open({ rotate: { size: '2KiB', keep: 100 } });
    for (let i = 0; i < 40; i += 1) {
      void sink.append(someEvent(`event ${i}`));
      if (i % 4 === 0) await sink.flush();
    }
  }
  names = [...readdirSync(log.folder).filter((name) => /\.\d+$/.test(name)), 'audit.ndjson'].toSorted((a, b) =>
    a.length === b.length ? a.localeCompare(b) : b.length - a.length,
  );
  original = names.map((name) => readFileSync(join(log.folder, name), 'utf8').trimEnd().split('\n'));
  assert.ok(names.length >= 3);
  const state = join(log.folder, 'state');
  options = { publicKeys: [readFileSync(join(state, 'audit-public.pem'), 'utf8')], head: join(state, 'audit-head.json') };
});
after(() => log[Symbol.dispose]());

const place = fc.record({ file: fc.nat(), line: fc.nat() });
type Place = { readonly file: number; readonly line: number };

const tampering: fc.Arbitrary<(from: Log) => Log> = fc.oneof(
  fc.tuple(place, fc.nat(), fc.constantFrom('x', '0', ' ', '"', '')).map(([at, column, by]) => (from: Log) => {
    const line = lineAt(from, at);
    const cut = column % line.length;
    return put(from, at, [line.slice(0, cut) + by + line.slice(cut + 1)]);
  }),
  place.map((at) => (from: Log) => put(from, at, [])),
  fc.tuple(place, place).map(
    ([at, of]) =>
      (from: Log) =>
        put(from, at, [lineAt(from, of), lineAt(from, at)]),
  ),
  fc.tuple(place, place).map(
    ([a, b]) =>
      (from: Log) =>
        put(put(from, a, [lineAt(from, b)]), b, [lineAt(from, a)]),
  ),
  fc.tuple(place, fc.boolean()).map(([at, head]) => (from: Log) => {
    const file = at.file % from.length;
    const lines = from[file] ?? [];
    const cut = at.line % lines.length;
    return from.with(file, head ? lines.slice(cut) : lines.slice(0, cut));
  }),
  fc.nat().map((file) => (from: Log) => {
    const gone = file % from.length;
    return from.with(gone, []);
  }),
);

test('with the public key and the head, any edit, deletion, insertion, move or cut is found', async () => {
  await fc.assert(
    fc.asyncProperty(tampering, async (tamper) => {
      const changed = tamper(original);
      fc.pre(JSON.stringify(changed) !== JSON.stringify(original));
      // The oldest file as a whole may be gone by rotation: that is told as where the chain begins, not as a break.
      if (changed[0]?.length === 0) return assert.match(await verdict(changed), /^begins at \d+$/);
      assert.equal(await verdict(changed), 'broken');
    }),
    { numRuns: 250 },
  );
});

test('the oldest file with its first byte changed is a break, not a file that was rotated away', async () => {
  const first = { file: 0, line: 0 };
  assert.equal(await verdict(put(original, first, [`x${lineAt(original, first).slice(1)}`])), 'broken');
});

test('the log as it was written verifies', async () => {
  assert.equal(await verdict(original), 'ok');
});

async function verdict(files: Log): Promise<string> {
  const folder = join(log.folder, 'changed');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [index, lines] of files.entries()) {
    if (lines.length > 0 || index === files.length - 1) {
      writeFileSync(join(folder, names[index] ?? ''), lines.map((line) => `${line}\n`).join(''));
    }
  }
  const report = await verifyAudit(join(folder, 'audit.ndjson'), options);
  if (report.ok && report.first !== 1) return `begins at ${report.first}`;
  return report.ok ? 'ok' : 'broken';
}

function lineAt(from: Log, { file, line }: Place): string {
  const lines = from[file % from.length] ?? [];
  return lines[line % lines.length] ?? '';
}

function put(from: Log, { file, line }: Place, by: readonly string[]): Log {
  const lines = from[file % from.length] ?? [];
  return from.with(file % from.length, lines.toSpliced(line % lines.length, 1, ...by));
}
