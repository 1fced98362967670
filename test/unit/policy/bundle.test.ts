import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readBundle } from '../../../src/policy/bundle.ts';
import { canonicalText, parseExact } from '../../../src/policy/exact-json.ts';
import { loadWasm } from '../../../src/policy/opa-wasm.ts';
import { createSigner, manifestOf, packBundle, type BundleWishes } from '../../support/policy-bundle.ts';
import { regoModule } from '../../support/rego-wasm.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-bundle-'));
after(() => rmSync(folder, { recursive: true }));
const signer = createSigner(folder);
const files = { 'a.cedar': 'permit (principal, action, resource);', '.manifest': manifestOf('r1', 7) };

test('a bundle is what its signature says, with its revision and serial', async () => {
  const archive = await packBundle(files, signer);
  const bundle = await readBundle(archive, signer.trust);
  assert.deepEqual([bundle.revision, bundle.serial, String(bundle.files.get('a.cedar'))], ['r1', 7, files['a.cedar']]);
  assert.match(bundle.digest, /^[0-9a-f]{64}$/);
});

test('paths may begin with a slash or a dot, as OPA and tar write them', async () => {
  const bundle = await readBundle(
    await packBundle(files, signer, { entry: (name) => ({ name: name === 'a.cedar' ? `/${name}` : `./${name}` }) }),
    signer.trust,
  );
  assert.deepEqual([...bundle.files.keys()], ['a.cedar', '.manifest']);
});

const wrong: Readonly<Record<string, readonly [BundleWishes, RegExp]>> = {
  'has no signature': [{ signatures: () => undefined }, /not signed/],
  'has an empty list of signatures': [{ signatures: () => ({ signatures: [] }) }, /exactly one signature/],
  'has two signatures': [{ signatures: (token) => ({ signatures: [token, token] }) }, /exactly one signature/],
  'has a signature that was changed': [{ signatures: (token) => ({ signatures: [`${token.slice(0, -6)}AAAAAA`] }) }, /not valid/],
  'is signed by a key that is not known': [{ kid: 'other' }, /not among release/],
  'is signed for another scope': [{ scope: 'write' }, /another scope/],
  'is signed by a weak digest': [{ digestName: 'MD5' }, /digest MD5/],
  'has a file that was changed': [{ packed: { 'a.cedar': 'permit (principal, action, resource) ;' } }, /not what was signed/],
  'has a file that is not signed': [{ packed: { 'b.cedar': 'permit (principal, action, resource);' } }, /b\.cedar, which is not signed/],
  'lacks a file that is signed': [{ packed: { 'a.cedar': undefined } }, /lacks a\.cedar/],
  'has a manifest that was changed': [{ packed: { '.manifest': manifestOf('r1', 8) } }, /manifest is not what was signed/],
  'is a delta': [{ packed: { 'patch.json': '{}' } }, /patch\.json, which is not read/],
  'holds a link': [
    { entry: (name) => (name === 'a.cedar' ? { name, type: 'symlink', linkname: '/etc/passwd' } : { name }) },
    /no plain file/,
  ],
  'holds a file twice': [{ entry: (name) => ({ name: name === '.manifest' ? './a.cedar' : name }) }, /a\.cedar twice/],
};

for (const [what, [wishes, message]] of Object.entries(wrong)) {
  test(`a bundle that ${what} is not taken`, async () => {
    await assert.rejects(readBundle(await packBundle(files, signer, wishes), signer.trust), message);
  });
}

test('a bundle signed by another key of the same name is not taken', async () => {
  const other = createSigner(join(folder), 'other');
  const archive = await packBundle(files, { ...other, trust: signer.trust });
  await assert.rejects(readBundle(archive, signer.trust), /not valid/);
});

test('the algorithm is the configured one, whatever the signature says', async () => {
  const { release } = signer.trust.keys;
  const trust = { keys: { release: { file: release?.file ?? '', algorithm: 'RS256' as const } }, scope: undefined };
  await assert.rejects(readBundle(await packBundle(files, signer), trust), /not valid/);
});

test('a private key is not taken for a public one', async () => {
  const file = join(folder, 'private.pem');
  writeFileSync(file, signer.key.export({ type: 'pkcs8', format: 'pem' }));
  const trust = { keys: { release: { file, algorithm: 'ES256' as const } }, scope: undefined };
  await assert.rejects(readBundle(await packBundle(files, signer), trust), /private key/);
});

test('what is no archive, is cut off or unfolds without end is not taken', async () => {
  const whole = await packBundle(files, signer);
  for (const bytes of [Buffer.from('no'), whole.subarray(0, whole.length / 2), gzipSync(Buffer.alloc(65 * 1024 ** 2))])
    await assert.rejects(readBundle(bytes, signer.trust));
});

test('data is signed by its meaning and used as it was signed', async () => {
  const canonical = '{"a":[1.0,true,null],"b":"x"}';
  const data = '{ "b": "first", "b": "x", "a": [1.0, true, null] }';
  const archive = await packBundle({ 'data.json': canonical }, signer, { packed: { 'data.json': data } });
  const bundle = await readBundle(archive, signer.trust);
  assert.equal(String(bundle.files.get('data.json')), canonical);
});

test('the canonical text is that of OPA: order by octets, numbers as written, separators escaped', () => {
  const given = '{"\\uffee":1e3,"\\ud83d\\ude00":-0.10,"a":"<\\u2028\\u0007>","__proto__":{"z":1,"y":[]}}';
  const expected = '{"__proto__":{"y":[],"z":1},"a":"<\\u2028\\u0007>","\uffee":1e3,"😀":-0.10}';
  assert.equal(canonicalText(parseExact(given)), expected);
});

const rule = 'exeat/decision';
const module = (result: string | undefined) => ({
  files: new Map([['policy.wasm', regoModule(rule, result)]]),
  revision: 'r1',
  serial: undefined,
  digest: '',
});

test('a WebAssembly policy gives the value of its rule, and nothing where that is undefined', () => {
  assert.equal(loadWasm(module('[{"result":true}]'), rule)({ a: 1 }), true);
  assert.deepEqual(loadWasm(module('[{"result":{"allow":false}}]'), rule)({}), { allow: false });
  assert.equal(loadWasm(module('[]'), rule)({}), undefined);
});

test('a WebAssembly policy that traps fails that call, and has a new memory for the next', () => {
  const evaluate = loadWasm(module(undefined), rule);
  assert.throws(() => evaluate({}), /could not be evaluated: unreachable/);
  assert.throws(() => evaluate({}), /could not be evaluated: unreachable/);
});

test('a bundle without the module, or without the rule as an entry point, is of no use', () => {
  assert.throws(() => loadWasm({ ...module('[]'), files: new Map() }, rule), /no policy\.wasm/);
  assert.throws(() => loadWasm(module('[]'), 'other/rule'), /no entry point other\/rule: it has exeat\/decision/);
});
