import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { assertion, startAuthorityFixture } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';

const formType = 'application/x-www-form-urlencoded';
const endpoints = ['/token', '/revoke', '/introspect'] as const;

suite('the endpoints of the authority', () => {
  let fixture: AuthorityFixture;
  before(async () => {
    fixture = await startAuthorityFixture();
  });
  after(() => fixture.authority.close());

  for (const path of endpoints) {
    test(`${path} takes POST only`, async () => {
      const response = await fetch(fixture.authority.url + path);
      assert.equal(response.status, 405);
      assert.equal(response.headers.get('allow'), 'POST');
    });

    test(`${path} refuses a body that is not declared as a form`, async () => {
      for (const type of ['application/json', 'text/plain', `${formType}; charset=latin1`, `${formType}-x`]) {
        assert.deepEqual(await refusal(await fixture.post(path, 'a=b', { 'content-type': type })), [400, 'invalid_request']);
      }
      assert.deepEqual(await refusal(await fixture.post(path, 'a=b', { 'content-encoding': 'gzip' })), [400, 'invalid_request']);
    });

    test(`${path} refuses what can be read in two ways`, async () => {
      const form = new URLSearchParams({ token: 'x', ...assertion(await fixture.workloadToken()) }).toString();
      for (const body of [`${form}&token=y`, `${form}&client_id=a&client_id=a`, `${form}&a=%zz`, `${form}&a=%ff`]) {
        assert.deepEqual(await refusal(await fixture.post(path, body)), [400, 'invalid_request'], body.slice(-20));
      }
    });

    test(`${path} takes no parameters in the URL`, async () => {
      assert.deepEqual(await refusal(await fixture.post(`${path}?token=x`, 'a=b')), [400, 'invalid_request']);
    });

    test(`${path} refuses a body of more than 64 KiB, declared or not`, async () => {
      const large = `a=${'x'.repeat(64 * 1024)}`;
      assert.equal((await fixture.post(path, large)).status, 413);
      const chunks = new Blob(Array.from({ length: 40 }, () => large)).stream();
      const response = await fetch(fixture.authority.url + path, {
        method: 'POST',
        body: chunks,
        duplex: 'half',
        headers: { 'content-type': formType },
      });
      assert.equal(response.status, 413);
    });

    test(`${path} refuses two Authorization headers`, async () => {
      const status = await new Promise((resolve, reject) => {
        const sent = request(fixture.authority.url + path, {
          method: 'POST',
          headers: ['Host', 'x', 'Content-Type', formType, 'Authorization', 'Bearer a', 'Authorization', 'Bearer b'],
        });
        sent
          .on('response', (response) => resolve(response.resume().statusCode))
          .on('error', reject)
          .end('token=x');
      });
      assert.equal(status, 400);
    });
  }

  test('/token answers a secret, which it does not take, with 401 and a challenge', async () => {
    const response = await fixture.post('/token', await fixture.exchangeForm(), { authorization: 'Basic YTpi' });
    assert.match(response.headers.get('www-authenticate') ?? '', /^Basic /);
    assert.deepEqual(await refusal(response), [401, 'invalid_client']);
  });

  test('what does not exist is 404', async () => {
    for (const path of ['/', '/token/', '/register', '/.well-known/openid-configuration']) {
      assert.equal((await fetch(fixture.authority.url + path)).status, 404, path);
    }
  });

  test('the documents can be fetched with GET and HEAD, cached for a while, and carry no private key', async () => {
    const response = await fetch(`${fixture.authority.url}/jwks`);
    assert.equal(response.headers.get('cache-control'), 'public, max-age=60');
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    assert.deepEqual(
      keys.map((key) => Object.keys(key).toSorted()),
      keys.map(() => ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']),
    );
    const head = await fetch(`${fixture.authority.url}/jwks`, { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [200, '']);
  });
});

test('metadata of an issuer with a path is found between its host and its path, and names what is served', async () => {
  await using fixture = await startAuthorityFixture({ issuer: 'https://as.example/t1' });
  const metadata = (await (await fetch(`${fixture.authority.url}/.well-known/oauth-authorization-server/t1`)).json()) as Record<
    string,
    unknown
  >;
  assert.equal(metadata['issuer'], 'https://as.example/t1');
  assert.equal(metadata['token_endpoint'], 'https://as.example/t1/token');
  assert.deepEqual(metadata['grant_types_supported'], ['urn:ietf:params:oauth:grant-type:token-exchange']);
  assert.deepEqual(metadata['token_endpoint_auth_methods_supported'], ['private_key_jwt', 'spiffe_jwt']);
  for (const name of ['token', 'revocation', 'introspection'].map((each) => `${each}_endpoint`)) {
    const { pathname } = new URL(String(metadata[name]));
    assert.equal((await fetch(fixture.authority.url + pathname)).status, 405, name);
  }
  assert.equal((await fetch(fixture.authority.url + new URL(String(metadata['jwks_uri'])).pathname)).status, 200);
  assert.equal((await fixture.post('/t1/token', await fixture.exchangeForm())).status, 200);
});

async function refusal(response: Response): Promise<readonly [number, unknown]> {
  return [response.status, ((await response.json()) as { error: unknown }).error];
}

test('closing lets a running request finish, and may be asked for twice', async () => {
  const fixture = await startAuthorityFixture();
  const body = new URLSearchParams(await fixture.exchangeForm()).toString();
  const sent = request(`${fixture.authority.url}/token`, {
    method: 'POST',
    headers: { 'content-type': formType, 'content-length': body.length },
  });
  sent.write(body.slice(0, 100));
  await new Promise((resolve) => sent.on('socket', (socket) => socket.on('connect', resolve)));
  // Something it has answered after it had the connection above: it is being served.
  await fixture.exchange();
  const closed = Promise.all([fixture.authority.close(), fixture.authority.close()]);
  const status = new Promise((resolve, reject) => {
    sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
  });
  sent.end(body.slice(100));
  assert.equal(await status, 200);
  await closed;
  await assert.rejects(fetch(`${fixture.authority.url}/jwks`));
});
