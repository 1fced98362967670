import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { OperatorLog } from '../../src/log.ts';
import { recorded } from '../support/client-hello.ts';
import { openInside, openTunnel, startTunnelWorld, trustOf } from '../support/tunnel.ts';

/** Lines that operators are shown. */
function recorder() {
  const lines: { readonly fields: Record<string, unknown>; readonly message: string }[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const add = (fields: object, message: string) => {
    lines.push({ fields: { ...fields }, message });
    resolve();
  };
  const log: OperatorLog = { info: () => {}, warn: add, error: add };
  return { log, lines, first: promise };
}

/** An alert that says what Node's client would find out only after the handshake. */
const alert = (code: number) => Buffer.from([21, 3, 3, 0, 2, 2, code]);

const failures: readonly [what: string, options: ConnectionOptions, failure: string, message: RegExp, audited: string][] = [
  ['speaks no protocol that we speak', { ALPNProtocols: ['ftp'] }, 'no_common_protocol', /no application protocol/, 'client_tls_failed'],
  [
    'speaks TLS 1.1',
    { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    'no_common_version',
    /no TLS version/,
    'client_tls_failed',
  ],
];

for (const [what, options, failure, message, audited] of failures) {
  test(`a client that ${what} is told by an alert, and the operator why; it is counted`, async () => {
    const { log, lines, first } = recorder();
    await using world = await startTunnelWorld({ stages: { log } });
    const socket = await openTunnel(world.exeat, { authorization: world.authorization() });
    const tls = connectTls({ socket, servername: 'api.example', ca: trustOf(world.exeat), ...options });
    const [error] = (await once(tls, 'error')) as [Error & { code: string }];
    assert.match(error.code, /ALERT/);
    await first;
    assert.deepEqual(
      lines.map(({ fields }) => fields),
      [{ host: 'api.example', failure }],
    );
    assert.match(lines[0]?.message ?? '', message);
    const [event] = await world.exeat.events({ kind: 'call.refused' });
    assert.deepEqual(event?.['codes'], { [audited]: 1 });
    const metrics = await (await fetch(`http://${world.exeat.sidecar.health}/metrics`)).text();
    assert.match(metrics, new RegExp(`exeat_client_tls_failures_total\\{reason="${failure}"\\} 1`));
    assert.equal(world.origin.connections(), 0);
  });
}

for (const [name, code] of [
  ['unknown_ca', 48],
  ['bad_certificate', 42],
  ['certificate_unknown', 46],
] as const) {
  test(`a client that says ${name} does not trust our CA: the operator is told what to set`, async () => {
    const { log, lines, first } = recorder();
    await using world = await startTunnelWorld({ stages: { log } });
    const socket = await openTunnel(world.exeat, { authorization: world.authorization() });
    socket.write(await recorded({ servername: 'api.example', maxVersion: 'TLSv1.2' }));
    await once(socket, 'data');
    socket.write(alert(code));
    await first;
    assert.deepEqual(
      lines.map(({ fields }) => fields),
      [{ host: 'api.example', failure: 'untrusted' }],
    );
    assert.match(lines[0]?.message ?? '', /does not trust Exeat's CA: set its trust variables/);
    const [event] = await world.exeat.events({ kind: 'call.refused' });
    assert.deepEqual(event?.['codes'], { client_tls_untrusted: 1 });
  });
}

test("a client of Node's that does not trust our CA leaves without a word, and the operator hears of it once a minute", async () => {
  const { log, lines, first } = recorder();
  await using world = await startTunnelWorld({ stages: { log } });
  for (let tries = 0; tries < 3; tries += 1) {
    await assert.rejects(openInside(world.exeat, { authorization: world.authorization(), tls: { ca: [] } }), /certificate/);
  }
  await first;
  const metrics = async () => (await fetch(`http://${world.exeat.sidecar.health}/metrics`)).text();
  for (let tries = 0; tries < 100 && !/failures_total\{reason="closed"\} 3/.test(await metrics()); tries += 1);
  assert.match(await metrics(), /failures_total\{reason="closed"\} 3/);
  assert.deepEqual(
    lines.map(({ fields }) => fields),
    [{ host: 'api.example', failure: 'closed' }],
  );
  assert.match(lines[0]?.message ?? '', /do not trust the CA: set its trust variables/);
});

test('a client that opens TLS and leaves without a request is told of too, for some find out only then that they do not trust our CA', async () => {
  const { log, lines, first } = recorder();
  await using world = await startTunnelWorld({ stages: { log } });
  const wire = await openInside(world.exeat, { authorization: world.authorization() });
  wire.socket.end();
  await first;
  assert.deepEqual(
    lines.map(({ fields }) => fields),
    [{ host: 'api.example', failure: 'unused' }],
  );
});

test('a handshake cannot be repeated inside of itself, which could ask for another name (TLS 1.2)', async () => {
  await using world = await startTunnelWorld();
  const { socket } = await openInside(world.exeat, { authorization: world.authorization(), tls: { maxVersion: 'TLSv1.2' } });
  const renegotiated: (Error | null)[] = [];
  socket.renegotiate({}, (error) => renegotiated.push(error));
  await once(socket, 'close');
  assert.deepEqual(renegotiated, []);
});
