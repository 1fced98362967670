import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditFolder, someEvent, type AuditFolder } from '../support/audit.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

function exeat(...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'audit', ...argv], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const keyOf = (log: AuditFolder) => ['--public-key', join(log.folder, 'state', 'audit-public.pem')];
const headOf = (log: AuditFolder) => ['--head', join(log.folder, 'state', 'audit-head.json')];

async function fill(log: AuditFolder, count: number, settings?: object): Promise<void> {
  await using sink = await log.open(settings);
  for (let i = 0; i < count; i += 1) {
    void sink.append(someEvent(`event ${i}`));
    if (settings !== undefined) await sink.flush();
  }
}

function putAside(log: AuditFolder): string[] {
  return readdirSync(log.folder)
    .filter((name) => /\.\d+$/.test(name))
    .toSorted();
}

function cut(text: string, from: number, to: number): string {
  return `${text.trimEnd().split('\n').slice(from, to).join('\n')}\n`;
}

test('audit verify says ok, as text and as JSON, and exits 0', async () => {
  using log = auditFolder();
  await fill(log, 3);
  const text = exeat('verify', log.file, ...keyOf(log), ...headOf(log));
  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, /^5 lines in 1 file[^]*\nok\n$/);
  const json = exeat('verify', log.file, ...keyOf(log), '--json');
  const { ok, anchored, unanchored } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual({ ok, anchored, unanchored }, { ok: true, anchored: 5, unanchored: 0 });
});

test('audit verify names the file and line that was changed, and exits 1', async () => {
  using log = auditFolder();
  await fill(log, 40, { rotate: { size: '2KiB', keep: 100 } });
  const [oldest = ''] = putAside(log);
  const file = join(log.folder, oldest);
  writeFileSync(file, readFileSync(file, 'utf8').replace('event 1"', 'event 7"'));
  const { status, stdout } = exeat('verify', log.file, ...keyOf(log));
  assert.equal(status, 1);
  assert.match(stdout, new RegExp(`\nbroken: ${file}:3: `));
});

test('audit verify tells a log whose beginning, middle or end was cut', async () => {
  using log = auditFolder();
  await fill(log, 80, { rotate: { size: '2KiB', keep: 100 } });
  const files = putAside(log);
  assert.ok(files.length > 3);
  const whole = readFileSync(log.file, 'utf8');
  writeFileSync(log.file, cut(whole, 0, 1));
  assert.match(exeat('verify', log.file, ...keyOf(log), ...headOf(log)).stdout, /the end was cut off/);
  writeFileSync(log.file, whole);
  const oldest = join(log.folder, files[0] ?? '');
  writeFileSync(oldest, cut(readFileSync(oldest, 'utf8'), 1, Infinity));
  assert.match(exeat('verify', log.file, ...keyOf(log)).stdout, /broken: .*:1: the lines before this one are gone/);
  unlinkSync(oldest);
  const gone = exeat('verify', log.file, ...keyOf(log));
  assert.equal(gone.status, 0);
  assert.match(gone.stdout, /older files are not here/);
  unlinkSync(join(log.folder, files[2] ?? ''));
  assert.match(exeat('verify', log.file, ...keyOf(log)).stdout, /broken: .*: seq \d+ follows seq \d+/);
});

test('audit verify without a key or a head says plainly what it could not check, and does not call it ok', async () => {
  using log = auditFolder();
  await fill(log, 1);
  const signatures = /^not checked: who wrote it\..* --public-key/m;
  const end = /^not checked: whether its end is here\..* --head/m;
  for (const [argv, missing] of [
    [[], ['signatures', 'end']],
    [keyOf(log), ['end']],
    [headOf(log), ['signatures']],
    [[...keyOf(log), ...headOf(log)], []],
  ] as const) {
    const { status, stdout } = exeat('verify', log.file, ...argv);
    assert.equal(status, 0);
    assert.equal(
      signatures.test(stdout),
      missing.some((what) => what === 'signatures'),
      stdout,
    );
    assert.equal(
      end.test(stdout),
      missing.some((what) => what === 'end'),
      stdout,
    );
    assert.match(stdout, missing.length === 0 ? /\nok\n$/ : /\nnothing is broken in what was checked\n$/);
    const { unchecked } = JSON.parse(exeat('verify', log.file, ...argv, '--json').stdout) as Record<string, unknown>;
    assert.deepEqual(unchecked, missing);
  }
});

test('audit verify says for the lines after the last checkpoint that they are unanchored', async () => {
  using log = auditFolder();
  await fill(log, 3);
  writeFileSync(log.file, `${log.lines().slice(0, -1).join('\n')}\n`);
  const { status, stdout } = exeat('verify', log.file, ...keyOf(log));
  assert.equal(status, 0);
  assert.match(stdout, /the last 3 lines are unanchored/);
});

for (const [what, argv, message] of [
  ['an unknown option', ['verify', 'x', '--nope'], /--nope/],
  ['no file', ['verify'], /say which file/],
  ['an unknown subcommand', ['prune', 'x'], /no "audit prune"/],
  ['a file that is not there', ['verify', '/nowhere/audit.ndjson'], /no such file/],
  ['a key that is none', ['verify', main, '--public-key', main], /public-key/],
] as const) {
  test(`audit verify with ${what} is wrong usage: exit 2 and a line that says so`, () => {
    const { status, stderr } = exeat(...argv);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /);
  });
}

test('standard output carries the same chain, and a capture of it verifies', () => {
  using log = auditFolder();
  const state = join(log.folder, 'state');
  const script = `
    import { config, createAudit } from ${JSON.stringify(new URL('../../src/audit/sink.ts', import.meta.url).href)};
    const deps = { stateFolder: ${JSON.stringify(state)}, defaultFile: ${JSON.stringify(log.file)} };
    await using sink = await createAudit(config.parse({ to: 'both', durability: 'strict' }), deps);
    for (let i = 0; i < 2000; i += 1) sink.append({ kind: 'privilege.changed', change: 'test', detail: 'é ' + i });
    await sink.flush();`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(child.status, 0, child.stderr);
  const capture = join(log.folder, 'capture.ndjson');
  writeFileSync(capture, child.stdout);
  for (const file of [capture, log.file]) {
    const { status, stdout } = exeat('verify', file, ...keyOf(log), '--json');
    const { lines, unanchored, checkpoints } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual({ status, lines, unanchored, checkpoints }, { status: 0, lines: 2004, unanchored: 0, checkpoints: 4 });
  }
  assert.ok(existsSync(join(state, 'audit-head.json')));
});
