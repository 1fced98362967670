import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { createSigner, packBundle } from '../support/policy-bundle.ts';

const main = resolve('src/main.ts');

/** Runs `exeat` in a folder. */
function exeat(folder: string, argv: readonly string[], env: Record<string, string> = {}) {
  return new Promise<{ code: number; out: string; err: string }>((done) => {
    const child = execFile(process.execPath, [main, ...argv], { cwd: folder, env: { ...process.env, ...env } }, (_, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const temporary = () => mkdtempDisposableSync(join(tmpdir(), 'exeat-init-'));

test('init writes a configuration that passes check, and does not overwrite it unasked', async () => {
  using folder = temporary();
  const made = await exeat(folder.path, ['init', '--template', 'github', '--template', 'mcp']);
  assert.deepEqual([made.code, made.err], [0, '']);
  assert.ok(existsSync(join(folder.path, 'config/policies/github.cedar')));
  const checked = await exeat(folder.path, ['check']);
  assert.deepEqual([checked.code, checked.out], [0, 'config/exeat.yaml: in order, 2 warnings\n']);
  assert.match(checked.err, /^warning: destinations\.github\.credential\.value: \$EXEAT_GITHUB_TOKEN is not set here$/m);

  writeFileSync(join(folder.path, 'config/exeat.yaml'), '# mine\n');
  const again = await exeat(folder.path, ['init', '--template', 'openai']);
  assert.equal(again.code, 1);
  assert.match(again.err, /exeat\.yaml is there already\n.*nothing was written/);
  assert.ok(!existsSync(join(folder.path, 'config/policies/openai.cedar')), 'not even the files that were free');
  assert.equal(readFileSync(join(folder.path, 'config/exeat.yaml'), 'utf8'), '# mine\n');
  assert.equal((await exeat(folder.path, ['init', '--force'])).code, 0);
});

test('check lists all problems with their lines and exits 1, for people and as JSON', async () => {
  using folder = temporary();
  const file = join(folder.path, 'x.yaml');
  writeFileSync(
    file,
    'lisen: {}\nintents:\n  triage: { description: x, destinations: [gihub] }\ndestinations: { github: { hosts: [A.example] } }\n',
  );
  const { code, err, out } = await exeat(folder.path, ['check', '--config', 'x.yaml']);
  assert.equal(code, 1);
  assert.equal(
    err,
    'x.yaml:1: lisen: unknown key; did you mean "listen"?\n' +
      'x.yaml:3: intents.triage.destinations[0]: there is no destination "gihub"; did you mean "github"?\n' +
      'x.yaml:4: destinations.github.hosts[0]: write it in its canonical form: a.example\n',
  );
  assert.equal(out, 'x.yaml: 3 problems\n');
  const asJson = await exeat(folder.path, ['check', '--json'], { EXEAT_CONFIG: 'x.yaml' });
  const found = JSON.parse(asJson.out) as { ok: boolean; problems: { line: number }[] };
  assert.deepEqual([asJson.code, found.ok, found.problems.map(({ line }) => line)], [1, false, [1, 3, 4]]);
});

test('check finds what is wrong in policies', async () => {
  using folder = temporary();
  await exeat(folder.path, ['init']);
  const policy = join(folder.path, 'config/policies/http.cedar');
  writeFileSync(policy, readFileSync(policy, 'utf8').replace('Intent::"read-items"', 'Intent::"read-item"'));
  const { code, err } = await exeat(folder.path, ['check']);
  assert.equal(code, 1);
  assert.match(err, /http\.cedar:\d+.*read-item/);
});

test('check --strict takes warnings for problems', async () => {
  using folder = temporary();
  await exeat(folder.path, ['init', '--template', 'openai']);
  assert.equal((await exeat(folder.path, ['check'])).code, 0);
  assert.equal((await exeat(folder.path, ['check', '--strict'])).code, 1);
});

test('the example configuration and its policies are in order; only its secrets are not here', async () => {
  const { code, err } = await exeat('.', ['check', '--config', 'config/exeat.yaml']);
  assert.equal(code, 0, err);
  assert.match(err, /there is no file \/run\/secrets\/crm here/);
});

test('a missing configuration says how to get one', async () => {
  using folder = temporary();
  const { code, err } = await exeat(folder.path, ['check']);
  assert.deepEqual([code, err], [1, 'config/exeat.yaml: there is no such file ("exeat init" writes one)\n']);
});

test('unknown options and templates are wrong usage', async () => {
  using folder = temporary();
  const option = await exeat(folder.path, ['check', '--cofnig', 'x']);
  assert.equal(option.code, 2);
  assert.match(option.err, /^exeat check: Unknown option '--cofnig'/);
  const template = await exeat(folder.path, ['init', '--template', 'gihub']);
  assert.deepEqual([template.code, template.err], [2, 'exeat init: there is no template "gihub"; did you mean "github"?\n']);
});

function permitAt(destination: string): string {
  return `permit (principal, action, resource in Destination::"${destination}");`;
}

test('check --bundle looks at a policy bundle as if it had been pulled', async () => {
  using folder = temporary();
  const signer = createSigner(folder.path);
  const stranger = { ...createSigner(folder.path, 'stranger'), trust: signer.trust };
  const bundle = { url: 'https://bundles.example.com/x.tar.gz', keys: signer.trust.keys };
  const settings = { policy: { engine: 'cedar', bundle }, destinations: { api: { hosts: ['api.example.com'] } } };
  writeFileSync(join(folder.path, 'x.yaml'), stringify({ ...settings, intents: { work: { description: 'Work', destinations: ['api'] } } }));
  writeFileSync(join(folder.path, 'right.tar.gz'), await packBundle({ 'a.cedar': permitAt('api') }, signer));
  writeFileSync(join(folder.path, 'typo.tar.gz'), await packBundle({ 'a.cedar': permitAt('apj') }, signer));
  writeFileSync(join(folder.path, 'strange.tar.gz'), await packBundle({ 'a.cedar': permitAt('api') }, stranger));
  const check = (file: string) => exeat(folder.path, ['check', '--config', 'x.yaml', '--bundle', file]);
  const [right, typo, strange] = await Promise.all([check('right.tar.gz'), check('typo.tar.gz'), check('strange.tar.gz')]);
  assert.deepEqual([right.code, right.out], [0, 'x.yaml: in order\n']);
  assert.match(typo.err, /a\.cedar:1 .*apj/);
  assert.match(strange.err, /signature is not valid/);
  assert.deepEqual([typo.code, strange.code], [1, 1]);
});
