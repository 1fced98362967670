import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

// Origins behind CGI, WSGI and their like read X_Api_Key as X-Api-Key: a name is judged as such an origin reads it.

let origin: Origin;
let exeat: TestSidecar;

before(async () => {
  origin = await startOrigin();
  const credential = { kind: 'static', header: 'x-injected', value: { env: 'PATH' }, expires: '2999-01-01', reason: 'test' };
  exeat = await startTestSidecar({ destinations: { api: loopback(origin, { credential, unsafe_keep: ['x-kept-api-key'] }) } });
});
after(async () => {
  await exeat[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

/** Which of these fields arrive, in lower case, and what the audit says was removed. */
async function sent(names: readonly string[]): Promise<{ status: number; arrived: string[]; removed: unknown }> {
  const task = exeat.open();
  const fields = names.map((name) => `${name}: v`);
  const { status } = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: task.authorization, fields });
  const [event] = await exeat.events({ kind: 'call', task: task.id });
  const arrived = Object.entries(origin.seen.at(-1)?.headers ?? {}).filter(([, value]) => value === 'v');
  return { status, arrived: arrived.map(([name]) => name), removed: event?.['removed'] };
}

const credentials = `
  Authorization Cookie X-Api-Key Api-Key ApiKey X-Auth-Key X-Auth-Email X-Auth-Token X-Api-Token Access-Token X-Service-Token Client-Secret xi-api-key DD-API-KEY
  DD-APPLICATION-KEY X-Acme-Api-Key X-RapidAPI-Key X-Consul-Token X-Vault-Token Cf-Access-Client-Id Cf-Access-Client-Secret
  CF-Access-Token Cf-Access-Jwt-Assertion X-Goog-Iap-Jwt-Assertion X-Ms-Client-Principal X-Ms-Client-Principal-Name
  X-Ms-Token-Aad-Access-Token X-Amzn-Oidc-Data X-Amzn-Oidc-Identity X-Goog-Authenticated-User-Email
  X-Goog-Authenticated-User-Id X-Auth-Request-User X-Auth-Request-Access-Token X-Forwarded-User X-Forwarded-Email
  X-Forwarded-Groups X-Forwarded-Access-Token Remote-User X-Remote-User X-Remote-Group Impersonate-User
  Impersonate-Extra-Scopes X-Gitlab-Token Circle-Token X-Hasura-Admin-Secret
`
  .trim()
  .split(/\s+/);

test("the credentials and identities that services and gateways take by a name of their own are the agent's own too", async () => {
  const { status, arrived, removed } = await sent(credentials);
  assert.deepEqual([status, arrived], [200, []]);
  assert.deepEqual(
    removed,
    credentials.map((name) => name.toLowerCase()),
  );
});

const places = `
  X-Forwarded-For X-Forwarded-Server X-Real-IP True-Client-IP CF-Connecting-IP X-Client-IP X-Cluster-Client-IP Fastly-Client-IP
  X-Envoy-External-Address X-Appengine-User-Ip Proxy Metadata-Flavor
`
  .trim()
  .split(/\s+/);

test('what says who forwarded a request, or sets a variable of a CGI program, never travels further', async () => {
  assert.deepEqual(await sent(places), { status: 200, arrived: [], removed: undefined });
});

test('a credential spelt with "_" is one, and so is a twin of the one that Exeat adds', async () => {
  const names = ['X_Api_Key', 'x-api_token', 'X_Acme_Api_Key', 'Remote_User', 'X_Injected', 'x-INJECTED'];
  const { status, arrived, removed } = await sent([...names, 'X_Forwarded_For', 'X_Other']);
  assert.deepEqual([status, arrived], [200, ['x_other']]);
  assert.deepEqual(removed, ['x-api-key', 'x-api-token', 'x-acme-api-key', 'remote-user']);
});

test('unsafe_keep names a field in all its spellings', async () => {
  assert.deepEqual(await sent(['X-Kept-Api-Key']), { status: 200, arrived: ['x-kept-api-key'], removed: undefined });
});

const refused: readonly [what: string, fields: readonly string[]][] = [
  ['a method override spelt with "_"', ['X_HTTP_Method_Override: DELETE']],
  ['a rewritten URL spelt with "_"', ['X_Original_URL: /admin']],
  ['another method for a subrequest', ['X-Original-Method: DELETE']],
  ['a length spelt with "_"', ['Content_Length: 5']],
  ['a transfer coding spelt with "_"', ['Transfer_Encoding: chunked']],
  ['a type spelt with "_"', ['Content_Type: text/plain']],
  ['a proxy credential spelt with "_"', ['Proxy_Authorization: Basic YTpi']],
  ['one credential in two spellings', ['X-Api-Key: a', 'X_Api_Key: b']],
  ['Connection that names a field spelt with "_"', ['Connection: Mcp_Session_Id']],
];

for (const [what, fields] of refused) {
  test(`${what} is refused`, async () => {
    const answer = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: exeat.open().authorization, fields });
    assert.deepEqual([answer.status, answer.code], [400, 'malformed_request']);
  });
}
