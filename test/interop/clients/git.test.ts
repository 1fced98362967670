// git, unmodified, against git's own http-backend: through the proxy, where it sends its credential only once it was asked with a 407, and by a route.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readRun, type OpenTask } from '../support/exeat.ts';
import { execute, start, type Ended } from '../support/program.ts';
import { tool } from '../support/tools.ts';
import { assertCameThrough } from './came-through.ts';
import { doors, httpsDoor, plainEnvironment, proxyEnvironment, withWrongSecret, type Door } from './doors.ts';
import { createGitBackend, type GitBackend } from './git-backend.ts';
import { ownCredential } from './service-client.ts';
import { httpApi, startWorld, type World } from './world.ts';

/** Fetching is a POST too: policy tells it from pushing by its path. */
const policy = `@id("work fetches") permit (principal, action in Action::"read", resource);
@id("work fetches packs") permit (principal, action == Action::"POST", resource) when { context.http.path like "*/git-upload-pack" };
@id("work pushes to team") permit (principal, action == Action::"POST", resource) when { context.http.path == "/team.git/git-receive-pack" };`;

const folder = mkdtempSync(join(tmpdir(), 'exeat-git-'));
const stack = new AsyncDisposableStack();
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const repositories = join(folder, 'repositories');
const large = randomBytes(8 * 1024 * 1024);
let git: string;
let backend: GitBackend;
let world: World;
let count = 0;

before(
  async () => {
    git = await tool('git');
    backend = await createGitBackend(git, repositories);
    for (const name of ['team.git', 'readonly.git']) await seed(name);
    world = stack.use(await startWorld({ policy, serve: httpApi((request, response) => backend(request, response)) }));
  },
  { timeout: 10 * 60_000 },
);
after(() => stack.disposeAsync());

for (const door of doors) {
  suite(`git by ${door.name}`, () => {
    test('clones', async () => {
      await using task = await world.sidecar.open('work');
      const { code, stderr, clone } = await cloned('team.git', { door, task });
      assert.equal(code, 0, stderr);
      assert.equal(readFileSync(join(clone, 'README'), 'utf8'), 'team.git\n');
      await assertCameThrough(world.sidecar, { task, door });
    });

    test('pushes 8 MB', async () => {
      await using task = await world.sidecar.open('work');
      const { clone } = await cloned('team.git', { door, task });
      const head = await commit(clone);
      const { code, stderr } = await run(['push', '--quiet', 'origin', 'HEAD'], { door, task, cwd: clone });
      assert.equal(code, 0, stderr);
      assert.equal(await headOf(join(repositories, 'team.git')), head);
      await assertCameThrough(world.sidecar, { task, door });
    });

    test('is told that a push is denied, and nothing was pushed', async () => {
      await using task = await world.sidecar.open('work');
      const { clone } = await cloned('readonly.git', { door, task });
      const before = await headOf(clone);
      await commit(clone);
      const { code, stderr } = await run(['push', '--quiet', 'origin', 'HEAD'], { door, task, cwd: clone });
      assert.notEqual(code, 0);
      assert.match(stderr, /403/);
      assert.equal(await headOf(join(repositories, 'readonly.git')), before);
    });

    test('is refused when its task was revoked', async () => {
      await using task = await world.sidecar.open('work');
      const { clone } = await cloned('team.git', { door, task });
      await task.revoke();
      const { code, stderr } = await run(['fetch', 'origin'], { door, task, cwd: clone });
      assert.notEqual(code, 0);
      assert.match(stderr, /403/);
    });

    test('is refused with a wrong secret', async () => {
      await using task = await world.sidecar.open('work');
      const { code, stderr } = await cloned('team.git', { door, task: withWrongSecret(task) });
      assert.notEqual(code, 0);
      assert.match(stderr, new RegExp(String(door.refusal.status)));
    });
  });
}

test("git's own credential does not arrive", async () => {
  await using task = await world.sidecar.open('work');
  const door = { ...httpsDoor, headers: () => ({ Authorization: `Bearer ${ownCredential}` }) };
  const { code, stderr } = await cloned('team.git', { door, task });
  assert.equal(code, 0, stderr);
  await assertCameThrough(world.sidecar, { task, door });
  const removed = world.sidecar
    .events()
    .flatMap((event) => (event['kind'] === 'call' && event['task'] === task.id ? [event['removed']] : []));
  for (const names of removed) assert.deepEqual(names, ['authorization']);
});

test('git clones and is denied a push under exeat run, with nothing but the environment it makes', async () => {
  const clone = join(folder, `clone-${(count += 1)}`);
  const cloning = await underRun(['clone', '--quiet', httpsDoor.url(world.sidecar.proxy, '/readonly.git'), clone]);
  assert.equal(cloning.code, 0, cloning.stderr);
  await commit(clone);
  const pushing = await underRun(['-C', clone, 'push', '--quiet', 'origin', 'HEAD']);
  assert.notEqual(pushing.code, 0);
  assert.match(pushing.stderr, /403/);
  assert.equal(readRun(pushing).revoked, 1);
});

test('git asks without a credential first, and goes on when the 407 asks for one', async () => {
  await using task = await world.sidecar.open('work');
  const [door] = doors;
  assert(door !== undefined);
  const { code, stderr } = await cloned('team.git', { door, task, env: { GIT_CURL_VERBOSE: '1' } });
  assert.equal(code, 0);
  assert.match(stderr, /HTTP\/1\.1 407 [^]*HTTP\/1\.1 200 /);
});

interface How {
  readonly door: Door;
  readonly task: OpenTask;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function cloned(repository: string, how: How): Promise<Ended & { clone: string }> {
  const clone = join(folder, `clone-${(count += 1)}`);
  const ended = await run(['clone', '--quiet', how.door.url(world.sidecar.proxy, `/${repository}`), clone], how);
  return { ...ended, clone };
}

async function run(argv: readonly string[], { door, task, cwd, env }: How): Promise<Ended> {
  const fields = Object.entries(door.headers(task)).map(([name, value]) => `${name}: ${value}`);
  const settings = fields.flatMap((field, index) => [
    [`GIT_CONFIG_KEY_${index}`, 'http.extraHeader'],
    [`GIT_CONFIG_VALUE_${index}`, field],
  ]);
  const whole = {
    ...environment(),
    ...(door.proxied ? proxyEnvironment(task, world.sidecar.trust) : {}),
    GIT_CONFIG_COUNT: String(fields.length),
    ...(Object.fromEntries(settings) as Record<string, string>),
    ...env,
  };
  await using program = start(git, argv, { env: whole, ...(cwd === undefined ? {} : { cwd }) });
  return await program.ended();
}

async function underRun(argv: readonly string[]): Promise<Ended> {
  await using program = world.sidecar.run([git, ...argv], { env: environment() });
  const ended = await program.ended();
  const { task, events } = readRun(ended);
  await assertCameThrough({ events: () => events }, { task: { id: task }, door: httpsDoor });
  return ended;
}

/** A bare repository with one commit. */
async function seed(name: string): Promise<void> {
  const work = join(folder, `seed-${name}`);
  mkdirSync(work);
  writeFileSync(join(work, 'README'), `${name}\n`);
  await local(work, ['init', '--quiet', '--initial-branch=main']);
  await local(work, ['add', '.']);
  await local(work, ['commit', '--quiet', '--message=first']);
  await local(work, ['clone', '--quiet', '--bare', work, join(repositories, name)]);
}

/** Commits the large file under a new name; the new commit's id. */
async function commit(clone: string): Promise<string> {
  writeFileSync(join(clone, `large-${(count += 1)}`), Buffer.concat([large, randomBytes(8)]));
  await local(clone, ['add', '.']);
  await local(clone, ['commit', '--quiet', '--message=more']);
  return headOf(clone);
}

async function headOf(repository: string): Promise<string> {
  return (await local(repository, ['rev-parse', 'main'])).trim();
}

function local(cwd: string, argv: readonly string[]): Promise<string> {
  return execute(git, argv, { cwd, env: environment() });
}

/** None of this machine's settings. */
function environment(): Record<string, string> {
  const author = {
    GIT_AUTHOR_NAME: 'Agent',
    GIT_AUTHOR_EMAIL: 'agent@exeat.test',
    GIT_COMMITTER_NAME: 'Agent',
    GIT_COMMITTER_EMAIL: 'agent@exeat.test',
  };
  return { ...plainEnvironment(folder), GIT_TERMINAL_PROMPT: '0', ...author };
}
