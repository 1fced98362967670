import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destinationsOf } from '../../../src/config/destinations.ts';
import { authorityNetworkOf } from '../../../src/config/peers.ts';
import { parseConfig } from '../../../src/config/load.ts';

const read = (yaml: string) => parseConfig(yaml, 'test.yaml');

test('a destination on the forward door has its hosts, its port and the defaults', () => {
  const [github] = destinationsOf(read('destinations: { github: { hosts: [api.github.com, "*.github.example"] } }'));
  assert.deepEqual(github, {
    name: 'github',
    scheme: 'https',
    hosts: ['api.github.com', '*.github.example'],
    port: 443,
    basePath: '',
    protocol: 'http',
    operations: [],
    credentialKind: undefined,
    tls: 'intercept',
    keepHeaders: new Set(),
    passCookies: false,
    allowEncodedPath: false,
    unsafeReflection: false,
    allowPrivate: false,
    unsafeCleartext: false,
    connectTimeoutMs: 10_000,
    headersTimeoutMs: 60_000,
    idleTimeoutMs: 0,
  });
});

test('a route carries the path of its URL, without a slash at the end', () => {
  const [tickets, root] = destinationsOf(
    read(
      'destinations: { tickets: { route: /tickets, url: "http://t.example/api/" }, root: { route: /r, url: "https://r.example:8443/" } }',
    ),
  );
  assert.deepEqual([tickets?.route, tickets?.basePath, tickets?.scheme, tickets?.port], ['/tickets', '/api', 'http', 80]);
  assert.deepEqual([root?.route, root?.basePath, root?.hosts, root?.port], ['/r', '', ['r.example'], 8443]);
});

test('observe lasts to the end of its day in UTC', () => {
  const [api] = destinationsOf(read('destinations: { api: { hosts: [a.example], observe: { until: 2027-01-15 } } }'));
  assert.equal(api?.observeUntil, Date.parse('2027-01-16T00:00:00Z'));
});

test('all CA files that cannot be used are named at once', () => {
  const config = read('destinations: { a: { hosts: [a.example], ca: /nowhere.pem }, b: { hosts: [b.example], ca: package.json } }');
  assert.throws(() => destinationsOf(config), {
    name: 'ConfigError',
    message:
      /^configuration: destinations\.a\.ca: cannot read \/nowhere\.pem: .*\nconfiguration: destinations\.b\.ca: there is no PEM certificate in package\.json$/,
  });
  assert.throws(() => authorityNetworkOf(read('authority: { issuer: "https://idp.example", ca: /nowhere.pem }')), { name: 'ConfigError' });
});
