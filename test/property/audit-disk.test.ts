import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { openLog } from '../../src/audit/log.ts';
import { openSigningKey } from '../../src/audit/signing-key.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { someEvent } from '../support/audit.ts';
import { createFaultyDisk } from '../support/faulty-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-audit-'));
const key = openSigningKey(folder);
const publicKeys = [readFileSync(join(folder, 'audit-public.pem'), 'utf8')];
after(() => rmSync(folder, { recursive: true }));

const step = fc.oneof(
  fc.record({ do: fc.constant('append' as const), times: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant('flush' as const) }),
  fc.record({ do: fc.constant('fill' as const), room: fc.integer({ min: 0, max: 900 }) }),
  fc.record({ do: fc.constant('reopen' as const), room: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(Infinity)) }),
  fc.record({ do: fc.constant('restart' as const) }),
);

test('however often the disk is full, and wherever in a line, the log verifies and holds each event that was kept once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const disk = createFaultyDisk();
      const open = () => openLog(disk, { durability: 'batched', key, queueSize: 100_000 });
      let log = await open();
      const kept = new Set<string>();
      let appended = 0;
      for (const each of steps) {
        if (each.do === 'append') {
          for (let i = 0; i < each.times; i += 1, appended += 1) void log.append(someEvent(`<${appended}>`));
        } else if (each.do === 'fill') disk.room = each.room;
        else if (each.do === 'flush') await log.flush().catch(() => undefined);
        else if (each.do === 'reopen') {
          disk.room = each.room;
          await log.reopen().catch(() => undefined);
        } else {
          await log[Symbol.asyncDispose]();
          disk.room = Infinity;
          for (const [, name = ''] of disk.bytes.toString().matchAll(/"detail":"(<\d+>)"[^\n]*\}\n/g)) kept.add(name);
          appended += 1;
          log = await open();
        }
      }
      const whole = !steps.some((each) => each.do === 'restart');
      disk.room = Infinity;
      await log.reopen();
      assert.equal(log.failure, undefined);
      await log[Symbol.asyncDispose]();
      const text = disk.bytes.toString();
      const file = join(folder, 'log.ndjson');
      writeFileSync(file, text);
      const report = await verifyAudit(file, { publicKeys });
      assert.equal(report.problem, undefined, text);
      assert.equal(report.unanchored, 0);
      const found = [...text.matchAll(/"detail":"(<\d+>)"[^\n]*\}\n/g)].map(([, name]) => name);
      assert.equal(new Set(found).size, found.length, 'an event is there twice');
      for (const name of kept) assert.ok(found.includes(name), `${name} had been written and is gone`);
      if (whole) assert.equal(found.length, appended, 'what ends access is kept in memory until there is room');
    }),
    { numRuns: 300 },
  );
});
