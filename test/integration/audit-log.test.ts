import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { auditFolder, someEvent } from '../support/audit.ts';

test('strict: an event is on disk when its promise settles', async () => {
  using log = auditFolder();
  await using sink = await log.open({ durability: 'strict' });
  await sink.append(someEvent('one'));
  assert.match(readFileSync(log.file, 'utf8'), /"detail":"one"/);
});

test('batched: an event is on disk soon after, without anyone asking', async () => {
  using log = auditFolder();
  await using sink = await log.open();
  assert.equal(sink.append(someEvent('one')), undefined);
  for (let i = 0; i < 100 && !readFileSync(log.file, 'utf8').includes('"detail":"one"'); i += 1)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(readFileSync(log.file, 'utf8'), /"detail":"one"/);
});

test('the chain goes on over a restart, and closed logs verify to their last line', async () => {
  using log = auditFolder();
  for (const detail of ['one', 'two']) {
    await using sink = await log.open();
    void sink.append(someEvent(detail));
  }
  const report = await log.verify();
  assert.equal(report.problem, undefined);
  assert.equal(report.unanchored, 0);
  assert.deepEqual(report.gaps, []);
  assert.match(log.lines().join('\n'), /"detail":"one"[^]*"detail":"two"/);
});

test('a log has one writer', async () => {
  using log = auditFolder();
  await using first = await log.open();
  assert.equal(first.failure, undefined);
  await assert.rejects(log.open(), /another Exeat writes/);
});

test('a torn last line is closed by a gap event at the next start, and the whole still verifies', async () => {
  using log = auditFolder();
  {
    await using sink = await log.open();
    void sink.append(someEvent('one'));
  }
  appendFileSync(log.file, '{"seq":99,"time":1,"prev":"half of a li');
  {
    await using sink = await log.open();
    void sink.append(someEvent('two'));
  }
  const report = await log.verify();
  assert.equal(report.problem, undefined);
  assert.equal(report.gaps[0]?.reason, 'torn_line');
});

test('rotation by size keeps one chain over the files', async () => {
  using log = auditFolder();
  {
    await using sink = await log.open({ rotate: { size: '4KiB', keep: 100 } });
    for (let i = 0; i < 60; i += 1) {
      void sink.append(someEvent(`event ${i} ${'x'.repeat(200)}`));
      await sink.flush();
    }
  }
  const report = await log.verify();
  assert.equal(report.problem, undefined);
  assert.ok(report.files.length > 2);
  assert.equal(report.first, 1);
});

test('reopening after the file was moved away goes on in a new file, linked to the old one', async () => {
  using log = auditFolder();
  {
    await using sink = await log.open();
    void sink.append(someEvent('before'));
    await sink.flush();
    renameSync(log.file, `${log.file}.1`);
    await sink.reopen();
    void sink.append(someEvent('after'));
  }
  assert.match(readFileSync(log.file, 'utf8'), /"detail":"after"/);
  const report = await log.verify();
  assert.equal(report.problem, undefined);
  assert.equal(report.files.length, 2);
});

test('a process killed at once loses at most what was not yet due on disk, and the log verifies after a restart', async () => {
  using log = auditFolder();
  const script = `
    import { auditFolder, someEvent } from ${JSON.stringify(new URL('../support/audit.ts', import.meta.url).href)};
    const sink = await auditFolder(${JSON.stringify(log.folder)}).open();
    let i = 0;
    for (;;) { sink.append(someEvent('event ' + i)); console.log(i, Date.now()); i += 1; await new Promise((r) => setTimeout(r, 2)); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => (printed += text));
  while (printed.split('\n').length < 150) await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  const appended = printed
    .trim()
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').map(Number));
  const [, killedAt = 0] = appended.at(-1) ?? [];
  {
    await using sink = await log.open();
    void sink.append(someEvent('after'));
  }
  const text = readFileSync(log.file, 'utf8');
  // 50 ms, and as much again for a busy machine.
  const due = appended.filter(([, at = 0]) => at < killedAt - 100);
  for (const [i] of due) assert.ok(text.includes(`"detail":"event ${i}"`), `event ${i} was due and is missing`);
  const report = await log.verify();
  assert.equal(report.problem, undefined);
  assert.ok(report.gaps.length > 0);
});

test('a wrong key, a changed line and a missing file are told by name', async () => {
  using log = auditFolder();
  using other = auditFolder();
  for (const each of [log, other]) {
    await using sink = await each.open();
    for (let i = 0; i < 5; i += 1) void sink.append(someEvent(`event ${i}`));
  }
  const lines = log.lines();
  writeFileSync(log.file, `${lines.with(3, String(lines[3]).replace('event', 'other')).join('\n')}\n`);
  const report = await log.verify();
  assert.equal(report.problem?.line, 4);
  assert.match(report.problem?.what ?? '', /is not the one that was written/);
  writeFileSync(log.file, `${other.lines().join('\n')}\n`);
  assert.match((await log.verify()).problem?.what ?? '', /was signed with the key/);
});
