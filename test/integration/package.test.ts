import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';

const checkout = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'exeat-package-'));
const copy = join(folder, 'checkout');
const app = join(folder, 'app');
const installed = join(app, 'node_modules/exeat');
const exeat = join(app, 'node_modules/.bin/exeat');
const env = { ...withoutOurs(process.env), PATH: await pathOfTheUser(), TMPDIR: folder };

before(async () => {
  mkdirSync(app);
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', await pack()], app);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('the package has what it runs and its examples, and neither sources nor tests', () => {
  assert.deepEqual(readdirSync(installed).toSorted(), ['LICENSE', 'README.md', 'bin', 'config', 'dist', 'package.json']);
  assert.deepEqual(readdirSync(join(installed, 'bin')), ['exeat.js']);
  assert.deepEqual(names(join(installed, 'dist'), '.js'), names(join(copy, 'src'), '.ts'));
  assert.deepEqual(names(installed, '.ts'), []);
});

test('it runs on the Node that is there, which need not be the one Exeat is written for', async (t) => {
  const help = await run(exeat, ['--help']);
  assert.match(help.stdout, /^ {2}serve +run the sidecar/m);
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
  assert.deepEqual(await run(exeat, ['--version']), { stdout: `${version}\n`, stderr: '' });
  t.diagnostic(`started by Node ${(await run('node', ['--version'])).stdout.trim()}`);
});

test('a wrong command ends with its own exit code', async () => {
  await assert.rejects(run(exeat, ['sreve']), { code: 2, stderr: /there is no command "sreve"/ });
});

test('what init writes passes check, and serve runs it until SIGTERM, then ends with 0', async () => {
  await run(exeat, ['init']);
  assert.match((await run(exeat, ['check'])).stdout, /config\/exeat\.yaml: in order/);
  keepEverythingIn(join(app, 'run'));

  await using sidecar = await serve();
  const answer = await fetch(`http://${sidecar.health}/healthz`);
  assert.deepEqual([answer.status, await answer.text()], [200, 'ok\n']);
  sidecar.launcher.kill('SIGTERM');
  assert.deepEqual(await once(sidecar.launcher, 'exit'), [0, null]);
});

test('Ctrl-C, which reaches launcher and sidecar both, ends it in order, and more of them, up to its last moment, do not cut that short', async () => {
  await using sidecar = await serve();
  const ended = once(sidecar.launcher, 'exit');
  for (let over = false; !over;) {
    process.kill(-sidecar.group, 'SIGINT');
    over = await Promise.race([ended.then(() => true), pause(1, false)]);
  }
  assert.deepEqual(await ended, [0, null]);
});

const linux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };

test('exeat run shows its command in none of its processes what it was started with', linux, async () => {
  const script = `
    const { readFileSync } = require('node:fs');
    let pid = process.ppid;
    for (; pid !== ${process.pid}; pid = Number(/^PPid:\\s(\\d+)/m.exec(readFileSync('/proc/' + pid + '/status', 'utf8'))[1]))
      console.log(readFileSync('/proc/' + pid + '/environ', 'latin1').includes('hunter2'), 'CI_JOB_TOKEN' in process.env);`;
  const words = ['run', '--quiet', '--', 'node', '-e', script.replaceAll('hunter2', "hunter' + '2")];
  const { stdout } = await promisify(execFile)(exeat, words, { cwd: app, env: { ...env, CI_JOB_TOKEN: 'hunter2' } });
  assert.match(stdout, /^(false false\n){1,2}$/);
});

/** The files below a folder that end so, without that ending. */
function names(root: string, ending: string): string[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
  return files.map((name) => name.slice(0, -ending.length)).toSorted();
}

/** Packs a copy of the checkout: prepack writes dist/, which other tests must not meet. */
async function pack(): Promise<string> {
  const left = new Set(['node_modules', '.git', 'dist']);
  cpSync(checkout, copy, { recursive: true, filter: (path) => !left.has(basename(path)) });
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  await npm(['pack', '--pack-destination', folder], copy);
  const packed = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  assert.ok(packed !== undefined);
  return join(folder, packed);
}

/** `exeat serve` as a group of processes of its own, ready. */
async function serve() {
  const launcher = spawn(exeat, ['serve'], { cwd: app, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(launcher, 'exit');
  const { pid, stderr } = launcher;
  assert.ok(pid !== undefined);
  let text = '';
  stderr.on('data', (chunk) => (text += String(chunk)));
  const said = async (message: string): Promise<object> => {
    const line = new RegExp(`^.*"msg":"${message}"\\}$`, 'm');
    for (;;) {
      const found = line.exec(text);
      if (found !== null) return JSON.parse(found[0]) as object;
      if (stderr.readableEnded) throw new Error(`it ended before it said "${message}":\n${text}`);
      await Promise.race([once(stderr, 'data'), once(stderr, 'end')]);
    }
  };
  const { health } = (await said('ready')) as { health: string };
  return {
    launcher,
    group: pid,
    health,
    said,
    async [Symbol.asyncDispose]() {
      if (launcher.exitCode === null && launcher.signalCode === null) process.kill(-pid, 'SIGKILL');
      await exited;
    },
  };
}

/** Ports and folders of this test's own, in the configuration that init wrote. */
function keepEverythingIn(run: string): void {
  const file = join(app, 'config/exeat.yaml');
  const config = parse(readFileSync(file, 'utf8')) as Record<string, object>;
  const tokens = Object.fromEntries(['operator', 'orchestrator', 'agent'].map((role) => [role, { file: join(run, `${role}.token`) }]));
  const own = {
    ...config,
    listen: { proxy: '127.0.0.1:0', control: '127.0.0.1:0', health: '127.0.0.1:0' },
    control: { tokens },
    identity: { source: 'local', folder: join(run, 'identity') },
    tasks: { ...config['tasks'], state: join(run, 'state') },
    audit: { ...config['audit'], to: join(run, 'audit.ndjson') },
  };
  writeFileSync(file, stringify(own));
}

/** A PATH as on a machine without this checkout, the Node on it first: any from 20 on, and this one only where there is no other. */
async function pathOfTheUser(): Promise<string> {
  const path = process.env['PATH'] ?? '';
  const folders = path.split(delimiter).filter((each) => !each.includes('node_modules'));
  for (const each of folders.filter((place) => existsSync(join(place, 'node')))) {
    const { stdout } = await promisify(execFile)(join(each, 'node'), ['--version']);
    if (Number.parseInt(stdout.slice(1), 10) >= 20) return [each, ...folders].join(delimiter);
  }
  return path;
}

/** What `npm test` and its Node say about this checkout to their children. */
function withoutOurs(ours: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const named = /^npm_(?:package|lifecycle|config_(?:local_|global_)?prefix)|^(?:INIT_CWD|NODE(?:_OPTIONS|_TEST_CONTEXT|_COMPILE_CACHE)?)$/;
  return Object.fromEntries(Object.entries(ours).filter(([name]) => !named.test(name)));
}

/** Runs a program in the folder of the app, as its user would; rejects unless it ends with 0. */
function run(command: string, argv: readonly string[], cwd = app) {
  return promisify(execFile)(command, argv, { cwd, env });
}

function npm(argv: readonly string[], cwd: string) {
  return run('npm', [...argv, '--prefix', cwd, '--logs-max=0'], cwd);
}
