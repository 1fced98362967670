import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { stringify } from 'yaml';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { startServe, type ServedSidecar } from '../support/serve.ts';
import { configOf, loopback, permitAll } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';

const forbidAll = '@id("none") forbid (principal, action, resource);';

/** Opens a task; `authorization` is the value of Proxy-Authorization. */
async function openTask(serve: ServedSidecar): Promise<{ readonly authorization: string }> {
  const { body } = await controlOf(serve, 'orchestrator')('POST', '/v1/tasks', { intent: 'work' });
  return { authorization: `Basic ${btoa(String(body['credential']).replace('.', ':'))}` };
}

// Side by side: processes take their time to start.
suite('exeat serve', { concurrency: true }, () => {
  test('SIGHUP reads everything again: a bad file changes nothing and is told, a good one is in force, the log is reopened', async () => {
    await using origin = await startStreams();
    await using serve = await startServe({ destinations: { api: loopback(origin) } });
    const task = await openTask(serve);
    const get = () => call(`${origin.url}/`, { proxy: serve.sidecar.proxy, authorization: task.authorization });
    await using stream = await openStream(serve.sidecar, { origin, task });

    serve.rewrite('destinations: [');
    const failed = serve.next(/^.*reload failed.*$/m);
    serve.signal('SIGHUP');
    assert.match(await failed, /"cause":"signal".*exeat\.yaml:\d+: /);
    assert.equal((await get()).status, 200);
    await stream.event('goes on');

    const log = join(serve.folder, 'audit.ndjson');
    renameSync(log, `${log}.aside`);
    serve.rewrite({ policy: forbidAll });
    const reloaded = serve.next(/^.*configuration reloaded.*$/m);
    serve.signal('SIGHUP');
    assert.match(await reloaded, /"cause":"signal"/);
    await stream.broken();
    assert.equal((await get()).code, 'policy_denied');
    assert.equal(await serve.stop(), 0);
    assert.ok(existsSync(log), 'the log has a new file where it is to be');
  });

  test('where files are watched, those that a reload names are watched from then on', async () => {
    await using origin = await startOrigin();
    const config = { destinations: { api: loopback(origin) }, reload: { watch: true } };
    await using serve = await startServe(config);
    const { authorization } = await openTask(serve);
    const other = join(serve.folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'policy.cedar'), permitAll);
    const moved = serve.next(/configuration reloaded/);
    serve.rewrite(stringify({ ...configOf(config, serve.folder), policy: { engine: 'cedar', directory: other } }));
    await moved;
    const changed = serve.next(/configuration reloaded/);
    writeFileSync(join(other, 'policy.cedar'), forbidAll);
    await changed;
    assert.equal((await call(`${origin.url}/`, { proxy: serve.sidecar.proxy, authorization })).code, 'policy_denied');
  });
});
