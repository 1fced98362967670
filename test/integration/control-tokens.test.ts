import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { startServe } from '../support/serve.ts';

/** Puts plain files and a FIFO in the place of the named file, one after the other, as fast as it can. */
const swapper = `
  const { linkSync, renameSync, writeFileSync } = require('node:fs');
  const [file, fifo] = process.argv.slice(1);
  process.send('ready');
  for (;;) {
    writeFileSync(file + '.next', 'x'.repeat(40));
    renameSync(file + '.next', file);
    linkSync(fifo, file + '.next');
    renameSync(file + '.next', file);
  }`;

test('an agent that swaps its token file for a FIFO, again and again, holds up nobody', async () => {
  await using serve = await startServe({ destinations: { api: { hosts: ['https://api.example.com'] } } });
  const { control, health } = serve.sidecar;
  const fifo = join(serve.folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const swapping = spawn(process.execPath, ['-e', swapper, join(serve.folder, 'agent.token'), fifo], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    await once(swapping, 'message');
    const url = `http://${control}/v1/tasks`;
    const until = Date.now() + 2000;
    for (let asked = 0; Date.now() < until || asked < 200; asked += 1) {
      const { status } = await fetch(url, { headers: { authorization: 'Bearer nobody' }, signal: AbortSignal.timeout(3000) });
      assert.equal(status, 403);
    }
    assert.equal((await fetch(`http://${health}/healthz`, { signal: AbortSignal.timeout(3000) })).status, 200);
  } catch (error) {
    // It would not hear anything gentler.
    await serve.kill();
    throw error;
  } finally {
    swapping.kill('SIGKILL');
  }
});
