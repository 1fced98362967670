import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadedPathsOf, missingSecrets, trustedPathsOf } from '../../../src/config/files.ts';
import { defaultFolders } from '../../../src/config/folders.ts';
import { parseConfig } from '../../../src/config/load.ts';

const config = parseConfig(
  `
identity: { source: file, path: /tokens/exeat }
authority: { issuer: "https://idp.example", ca: /ca/idp.pem }
control: { tokens: { operator: { file: /run/op.token }, agent: { file: /run/agent.token } } }
tasks: { state: /state }
policy: { engine: cedar, directory: /policies }
audit: { to: /log/audit.ndjson, signing_key: { file: /keys/audit.pem } }
destinations:
  a: { hosts: [a.example], ca: /ca/a.pem, credential: { kind: static, header: x-api-key, value: { file: /run/a }, expires: 2027-01-31, reason: x } }
  b: { hosts: [b.example], credential: { kind: static, header: x-api-key, value: { env: EXEAT_NEVER_SET }, expires: 2027-01-31, reason: x } }
`,
  'test.yaml',
);

test('what a watch looks at is what a reload reads', () => {
  assert.deepEqual(loadedPathsOf(config, 'exeat.yaml'), ['exeat.yaml', '/policies', '/ca/idp.pem', '/ca/a.pem']);
});

test("config, policies, secrets, state and log are files to trust; the agent's own token is not", () => {
  const made = ['orchestrator', 'approver'].map((role) => join(defaultFolders().tokens, `${role}.token`));
  assert.deepEqual(
    trustedPathsOf(config, 'exeat.yaml').toSorted(),
    loadedPathsOf(config, 'exeat.yaml')
      .concat(
        '/run/op.token',
        ...made,
        '/tokens/exeat',
        '/state',
        '/log/audit.ndjson',
        '/keys/audit.pem',
        '/run/a',
        '/state/ca',
        '/state/ca-public',
      )
      .toSorted(),
  );
});

test('a CA of your own is a file to trust, and one that is not here is named', () => {
  const own = parseConfig('tls: { ca: { certificate: { file: /ca/own.pem }, key: { file: /ca/own.key }, publish: /public } }', 'test.yaml');
  const paths = trustedPathsOf(own, 'exeat.yaml');
  assert.ok(['/ca/own.pem', '/ca/own.key', '/public'].every((path) => paths.includes(path)));
  assert.deepEqual(missingSecrets(own), [
    'tls.ca.certificate: there is no file /ca/own.pem here',
    'tls.ca.key: there is no file /ca/own.key here',
  ]);
});

test('where nothing is said the default folders are looked at', () => {
  const { state, auditFile } = defaultFolders();
  const paths = trustedPathsOf(parseConfig('', 'test.yaml'), 'exeat.yaml');
  assert.ok(paths.includes(state) && paths.includes(auditFile));
});

test('secrets that are not here are named with the place that asks for them', () => {
  assert.deepEqual(missingSecrets(config), [
    'identity.path: there is no file /tokens/exeat here',
    'destinations.a.credential.value: there is no file /run/a here',
    'destinations.b.credential.value: $EXEAT_NEVER_SET is not set here',
  ]);
});

test('the CA of the upstream proxy is watched, and its password is a file to trust that is missed', () => {
  const yaml =
    'upstream_proxy: { url: "https://proxy.example:3129", ca: /ca/corp.pem, credentials: { username: a, password: { file: /run/proxy } } }';
  const chained = parseConfig(yaml, 'test.yaml');
  assert.ok(loadedPathsOf(chained, 'exeat.yaml').includes('/ca/corp.pem'));
  assert.ok(trustedPathsOf(chained, 'exeat.yaml').includes('/run/proxy'));
  assert.deepEqual(missingSecrets(chained), ['upstream_proxy.credentials.password: there is no file /run/proxy here']);
});
