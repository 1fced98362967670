import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { agent, assertion, tickets, tokenType } from '../support/authority.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-authority-'));
after(() => rmSync(folder, { recursive: true }));
const main = new URL('../../src/main.ts', import.meta.url).pathname;

function exeat(...args: string[]) {
  return spawn(process.execPath, [main, 'authority', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function failure(...args: string[]): Promise<readonly [unknown, string]> {
  const child = exeat(...args);
  const [[code], errors] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  return [code, errors];
}

test('exeat authority says what it is for, serves, and stops at SIGTERM', async () => {
  const workloads = await createWorkloadIssuer('spiffe://acme.example');
  const file = join(folder, 'bundle.json');
  writeFileSync(file, JSON.stringify(workloads.jwks));
  const config = join(folder, 'authority.yaml');
  writeFileSync(config, `listen: 127.0.0.1:0\nresources:\n  ${tickets}: { scopes: [tickets:read] }\n`);
  const child = exeat(
    '--trust-jwks',
    `spiffe://acme.example=${file}`,
    '--config',
    config,
    '--resource',
    'urn:a=x,y',
    '--data',
    join(folder, 'data'),
  );
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output.includes('ready')) break;
  }
  const [, issuer = ''] = /ready, issuer (\S+)/.exec(output) ?? [];
  assert.match(output.split('\n')[0] ?? '', /laptops, CI, demos and tests; in production use your identity provider/);

  const jwt = await workloads.token({ sub: agent, aud: issuer });
  for (const [resource, scope] of [
    [tickets, 'tickets:read'],
    ['urn:a', 'x y'],
  ] as const) {
    const grant = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: jwt,
      subject_token_type: `${tokenType}jwt`,
    };
    const body = new URLSearchParams({ ...grant, ...assertion(jwt), resource, scope });
    assert.equal((await fetch(`${issuer}/token`, { method: 'POST', body })).status, 200);
  }
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'close'), [0, null]);
});

test('exeat authority refuses what it cannot use, with a hint', async () => {
  const cases = [
    [[], /nobody could authenticate: name an issuer with --trust-jwks/],
    [['--trust', 'x'], /Unknown option '--trust'/],
    [['--trust-jwks', 'x'], /expected --trust-jwks ISSUER=FILE/],
    [['--trust-jwks', 'x=y', '--listen', '0.0.0.0:1'], /an issuer is needed when listening beyond loopback/],
    [['--config', join(folder, 'none.yaml')], /none\.yaml cannot be read/],
  ] as const;
  const outcomes = await Promise.all(cases.map(([args]) => failure(...args)));
  for (const [index, [code, errors]] of outcomes.entries()) {
    assert.equal(code, 2);
    assert.match(errors, cases[index]?.[1] ?? /^$/);
    assert.match(errors, /"exeat authority --help" shows the options/);
  }
});

test('exeat authority ends with 1 when it could not start', async () => {
  assert.deepEqual(await failure('--trust-jwks', `x=${join(folder, 'none.json')}`), [
    1,
    `exeat authority: ${join(folder, 'none.json')} cannot be read as a JWK set\n`,
  ]);
});
