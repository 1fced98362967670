import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startOrigin } from '../support/origin.ts';
import { node, runFixture } from '../support/run.ts';
import { loopback } from '../support/sidecar.ts';

const usable =
  process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('unshare', ['--net', '--mount', '--', 'true']).status === 0;
const options = ['--user', 'nobody'];
const destinations = { api: { hosts: ['https://api.example.com'] } };

/** Where the other user can read it. */
const published = mkdtempSync(join(tmpdir(), 'exeat-trust-'));
chmodSync(published, 0o755);
after(() => rmSync(published, { recursive: true }));
const tls = { ca: { publish: join(published, 'ca') } };

suite('exeat run --user', { skip: usable ? false : 'takes root, Linux and namespaces', concurrency: 2 }, () => {
  test('runs a command as that user, in a network whose only way out is the proxy', async () => {
    await using origin = await startOrigin();
    const credential = { kind: 'static', header: 'x-api-key', value: { env: 'CRM_KEY' }, expires: '2999-12-31', reason: 'test' };
    await using fixture = runFixture({
      destinations: { api: loopback(origin, { credential }) },
      tls: { ca: { publish: join(published, 'ca') } },
    });
    const script = `
      const { readFileSync } = require('node:fs');
      const { networkInterfaces, userInfo } = require('node:os');
      const dial = (port, host) => new Promise((resolve) => {
        const socket = require('node:net').connect(port, host, () => resolve('connected'));
        socket.on('error', ({ code }) => resolve(code));
      });
      const read = (path) => { try { return readFileSync(path, 'latin1').length; } catch ({ code }) { return code; } };
      (async () => console.log(JSON.stringify({
        status: (await fetch('${origin.url}/')).status,
        direct: await dial(${origin.port}, '127.0.0.1'),
        outside: await dial(80, '192.0.2.1'),
        interfaces: Object.keys(networkInterfaces()),
        user: userInfo().username,
        home: process.env.USER + ' ' + process.env.SUDO_USER,
        parent: read('/proc/' + process.ppid + '/environ'),
        config: read('${fixture.file}'),
        trust: read(process.env.SSL_CERT_FILE) > 0,
        privileges: /CapEff:\\s(\\w+)[^]*CapBnd:\\s(\\w+)[^]*NoNewPrivs:\\s(\\d)/.exec(readFileSync('/proc/self/status', 'latin1')).slice(1).map(Number),
      })))();`;
    const env = { CRM_KEY: 'hunter2', SUDO_USER: 'someone' };
    const { code, out, err } = await fixture.run([node, '-e', script], { options, env });
    assert.equal(code, 0, err);
    assert.deepEqual(JSON.parse(out), {
      status: 200,
      direct: 'ECONNREFUSED',
      outside: 'ENETUNREACH',
      interfaces: ['lo'],
      user: 'nobody',
      home: 'nobody undefined',
      parent: 'EACCES',
      config: 'EACCES',
      trust: true,
      privileges: [0, 0, 1],
    });
    assert.equal(origin.seen[0]?.headers['x-api-key'], 'hunter2');
    assert.match(err, /^exeat: 1 call, 0 denied; 1 credential issued, /m);
  });

  test('leaves the command no socket that belongs to no network namespace, and no file that was open before', async () => {
    await using fixture = runFixture({ destinations, tls });
    // socket(2) of each family as a stream; io_uring_setup(2), which has one number everywhere.
    const script = `
      const word = 'int32';
      const { functions } = require('node:ffi').dlopen(null, {
        socket: { arguments: [word, word, word], return: word },
        syscall: { arguments: ['int64', word, 'uint64'], return: 'int64' },
      });
      const families = Array.from({ length: 50 }, (_, family) => family);
      console.log(JSON.stringify({
        families: families.filter((family) => [1, 2, 3].some((type) => functions.socket(family, type, 0) >= 0)),
        uring: Number(functions.syscall(425n, 1, 0n)),
      }));`;
    const inherited = ['/bin/sh', '-c', 'exec 3</etc/passwd 9</etc/passwd; exec "$@"', 'sh'];
    const wide = ['/bin/bash', '-c', 'exec 77</etc/passwd; exec "$@"', 'bash'];
    const { code, out, err } = await fixture.run([node, '--experimental-ffi', '-e', script], { options });
    assert.equal(code, 0, err);
    assert.deepEqual(JSON.parse(out), { families: [1, 2, 10, 16], uring: -1 });
    for (const launcher of existsSync('/bin/bash') ? [inherited, wide] : [inherited]) {
      const { out: files } = await fixture.run(['ls', '/proc/self/fd'], { options, launcher });
      // The last one is the folder that is being listed.
      assert.deepEqual(files.trim().split('\n'), ['0', '1', '2', '3']);
    }
    // As without Exeat, where a pipe ends what writes into it.
    assert.match((await fixture.run(['grep', 'SigIgn', '/proc/self/status'], { options })).out, /^SigIgn:\t0+$/m);
  });

  test('passes exit codes and signals on, and its listener is in no other network', async () => {
    await using fixture = runFixture({ destinations, tls });
    assert.equal((await fixture.run(['sh', '-c', 'exit 7'], { options })).code, 7);
    assert.equal((await fixture.run(['/nonexistent/program'], { options })).code, 127);
    const running = fixture.start([node, '-e', 'console.log(process.env.http_proxy); setInterval(() => {}, 1000)'], {
      options,
      group: true,
    });
    const port = Number(new URL(await running.line()).port);
    const [refused] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    assert.equal(refused.code, 'ECONNREFUSED');
    running.process.kill('SIGINT');
    assert.equal((await running.ended()).code, 130);
    assert.deepEqual(fixture.unfinished(), []);
  });

  test('takes the command along when Exeat is killed', async () => {
    await using fixture = runFixture({ destinations, tls });
    const running = fixture.start([node, '-e', 'console.log(process.pid); setInterval(() => {}, 1000)'], { options, group: true });
    const pid = await running.line();
    assert.ok(existsSync(`/proc/${pid}`));
    running.process.kill('SIGKILL');
    await once(running.process, 'exit');
    for (let tries = 0; isThere(pid); tries += 1) {
      assert.ok(tries < 200, 'the command is still there');
      await pause(10);
    }
    assert.match((await fixture.run(['true'])).err, /1 earlier run ended/);
  });

  test('says whom it does not know, and whom it will not be', async () => {
    await using fixture = runFixture({ destinations, tls });
    const failure = async (name: string) => (await fixture.run(['true'], { options: ['--user', name] })).err;
    assert.match(await failure('nobody-of-that-name'), /^exeat run: there is no user "nobody-of-that-name" in \/etc\/passwd$/m);
    assert.match(await failure('root'), /^exeat run: --user root would keep nothing from the command$/m);
  });
});

/** Also what has ended and was not waited for has an entry. */
function isThere(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
