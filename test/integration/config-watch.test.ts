import assert from 'node:assert/strict';
import { mkdirSync, mkdtempDisposableSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { watchFiles } from '../../src/config/reload.ts';

/** Resolves at each change that the watch reports. */
function changes() {
  let waiting = Promise.withResolvers<void>();
  let count = 0;
  return {
    onChange: async () => {
      count += 1;
      waiting.resolve();
      waiting = Promise.withResolvers<void>();
    },
    next: () => waiting.promise,
    get count() {
      return count;
    },
  };
}

test('a ConfigMap that swaps its symlink is seen, and so is a file in a watched folder', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-watch-'));
  const in1 = (name: string) => join(folder.path, name);
  for (const version of ['..v1', '..v2']) {
    mkdirSync(in1(version));
    writeFileSync(join(in1(version), 'exeat.yaml'), 'log: { level: info }\n');
  }
  symlinkSync('..v1', in1('..data'));
  symlinkSync('..data/exeat.yaml', in1('exeat.yaml'));
  mkdirSync(in1('policies'));
  const seen = changes();
  const paths = [in1('exeat.yaml'), in1('policies')];
  await using stack = new AsyncDisposableStack();
  stack.use(watchFiles({ paths: () => paths, onChange: seen.onChange, intervalMs: 10 }));
  await firstLook();

  let change = seen.next();
  symlinkSync('..v2', in1('..next'));
  renameSync(in1('..next'), in1('..data'));
  await change;

  change = seen.next();
  writeFileSync(in1('policies/new.cedar'), '');
  await change;
  assert.equal(seen.count, 2);
});

test('a change while a change is being read is not lost', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-watch-'));
  const file = join(folder.path, 'exeat.yaml');
  writeFileSync(file, 'half');
  const second = Promise.withResolvers<void>();
  let count = 0;
  const onChange = async () => {
    count += 1;
    if (count === 1) writeFileSync(file, 'written whole');
    else second.resolve();
  };
  await using stack = new AsyncDisposableStack();
  stack.use(watchFiles({ paths: () => [file], onChange, intervalMs: 10 }));
  await firstLook();
  writeFileSync(file, 'half written');
  await second.promise;
});

/** The watch compares with what it saw first; a few turns of its interval are enough for that. */
function firstLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}
