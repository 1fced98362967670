import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { trustVariables } from '../../src/ingress/trust-variables.ts';
import { certificatesIn } from '../support/ca.ts';
import { createCa } from '../support/own-ca.ts';
import { startServe } from '../support/serve.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(file: string, words: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  execFile(file, words, { env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env }, maxBuffer: 2 ** 24 }, (error, out, err) =>
    resolve({ code: error === null ? 0 : Number(error.code), out, err }),
  );
  return promise;
}

const exeat = (words: readonly string[], env?: Record<string, string>) => run(process.execPath, [main, ...words], env);

const destinations = { api: { hosts: ['https://api.example.com'] } };

test('what a running sidecar signs with is printed, alone and with the public roots', async () => {
  await using served = await startServe({ destinations });
  const config = ['--config', join(served.folder, 'exeat.yaml')];
  const alone = await exeat(['ca', 'print', ...config]);
  assert.deepEqual([alone.code, alone.err, certificatesIn(alone.out).length], [0, '', 1]);
  assert.match(certificatesIn(alone.out)[0]?.subject ?? '', /^O=Exeat\nCN=Exeat CA [0-9a-f]{8}$/);
  const bundle = await exeat(['ca', 'print', '--bundle', ...config]);
  assert.ok(bundle.out.startsWith(alone.out) && certificatesIn(bundle.out).length > 50);
  // What does not fit into the pipe at once has to wait.
  const piped = await run('/bin/sh', ['-c', '"$@" | (sleep 1; cat)', 'sh', process.execPath, main, 'ca', 'print', '--bundle', ...config]);
  assert.equal(piped.out, bundle.out);
});

test('the shell lines can be evaluated, whatever the folder is called, and each names a file that is there', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'exeat-ca-'));
  const publish = join(root.path, "agent's own $HOME");
  await using served = await startServe({ destinations, tls: { ca: { publish } } });
  const config = ['--config', join(served.folder, 'exeat.yaml')];
  const { code, out } = await exeat(['ca', 'env', ...config], { JAVA_TOOL_OPTIONS: "-Dname='x y'" });
  assert.equal(code, 0);
  const names = trustVariables.map(({ name }) => name);
  const script = `${out}\nprintf '%s\\n' ${names.map((name) => `"$${name}"`).join(' ')}`;
  const values = (await run('/bin/sh', ['-c', script])).out.trimEnd().split('\n');
  assert.equal(values.length, names.length);
  for (const [index, { name, file }] of trustVariables.entries()) {
    if (file === 'truststore')
      assert.ok(values[index]?.startsWith(`-Dname='x y' -Djavax.net.ssl.trustStore="${publish}/bundle.p12"`), name);
    else assert.equal(readFileSync(values[index] ?? '', 'utf8').includes('BEGIN CERTIFICATE'), true, name);
  }
  const elsewhere = await exeat(['ca', 'env', '--at', '/trust', ...config]);
  assert.match(elsewhere.out, /^export SSL_CERT_FILE='\/trust\/bundle\.pem'$/m);
});

test('before the first start there is no CA, and that is said', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'exeat-ca-'));
  const file = join(root.path, 'exeat.yaml');
  writeFileSync(file, `tls: { ca: { publish: ${root.path}/public } }`);
  for (const word of ['print', 'env']) {
    const { code, out, err } = await exeat(['ca', word, '--config', file]);
    assert.deepEqual([code, out], [1, '']);
    assert.equal(err, `exeat ca: there is no ${root.path}/public/ca.pem yet: "exeat serve" makes it when it starts\n`);
  }
});

test('wrong usage ends with 2 and says what was wrong', async () => {
  for (const [words, message] of [
    [[], 'say "print" or "env"'],
    [['prnt'], 'there is no "prnt"; did you mean "print"?'],
    [['env', 'x'], '"env" takes no more than options'],
    [['env', '--bundle'], '--bundle belongs to "print"'],
    [['print', '--at', '/x'], '--at belongs to "env"'],
  ] as const) {
    const { code, err } = await exeat(['ca', ...words]);
    assert.deepEqual([code, err], [2, `exeat ca: ${message}. "exeat ca --help" tells what it takes.\n`]);
  }
});

test('"check" tells what is wrong with a CA of your own, when it ends, and who else could write its files', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'exeat-ca-'));
  const at = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(join(root.path, name), text, { mode });
    return join(root.path, name);
  };
  mkdirSync(join(root.path, 'policies'));
  at('policies/all.cedar', '@id("all") permit (principal, action, resource);');
  const own = await createCa({ toDays: 12 });
  const check = async (ca: object) => {
    const config = {
      tls: { ca },
      policy: { engine: 'cedar', directory: join(root.path, 'policies') },
      tasks: { state: join(root.path, 'state') },
    };
    const { out } = await exeat(['check', '--json', '--config', at('exeat.yaml', JSON.stringify(config))]);
    const { ok, problems, warnings } = JSON.parse(out) as { ok: boolean; problems: { text: string }[]; warnings: string[] };
    return { ok, text: [...problems.map(({ text }) => text), ...warnings].filter((line) => /ca\./.test(line)).join('\n') };
  };
  const key = { file: at('ca.key', own.key) };
  const soon = await check({ certificate: { file: at('ca.pem', own.certificate) }, key });
  assert.equal(soon.ok, true);
  assert.match(soon.text, /^tls\.ca\.certificate: expires on \d{4}-\d\d-\d\d: replace it and restart$/);
  chmodSync(key.file, 0o666);
  const open = await check({ certificate: { file: at('good.pem', (await createCa()).certificate) }, key });
  assert.deepEqual(open, { ok: true, text: `${key.file} is writable by everyone (mode 0666)` });
  chmodSync(key.file, 0o600);
  const wrong = await check({ certificate: { file: at('leaf.pem', (await createCa({ ca: false })).certificate) }, key });
  assert.deepEqual(wrong, { ok: false, text: 'tls.ca.certificate: is not a CA: its basicConstraints do not say so' });
  const missing = await check({ certificate: { file: '/nowhere/ca.pem' }, key });
  assert.deepEqual(missing, { ok: true, text: 'tls.ca.certificate: there is no file /nowhere/ca.pem here' });
});

test('a CA of your own that cannot be used keeps "serve" from starting, and the reason is told', async () => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'exeat-ca-'));
  const [own, other] = [await createCa(), await createCa()];
  const at = (name: string, text: string): { file: string } => {
    writeFileSync(join(root.path, name), text, { mode: 0o600 });
    return { file: join(root.path, name) };
  };
  const tls = { ca: { certificate: at('ca.pem', own.certificate), key: at('ca.key', other.key) } };
  await assert.rejects(startServe({ destinations, tls }), /tls\.ca\.key: is not the key of the first certificate in tls\.ca\.certificate/);
});
