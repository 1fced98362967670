import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposableSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { openCertificates } from '../../src/ingress/certificates.ts';

test('a client that trusts the CA accepts the leaf of any host', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-ca-'));
  await using certificates = await openCertificates(
    {},
    { folders: { directory: join(folder.path, 'ca'), publish: join(folder.path, 'trust') }, warn: () => {} },
  );
  const context = await certificates.contextFor('api.example.com', Date.now());
  const server = createServer({ SNICallback: (_name, done) => done(null, context) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, servername: 'api.example.com', ca: certificates.trust });
  await once(socket, 'secureConnect');
  assert.ok(socket.authorized);
  socket.destroy();
  server.close();
});
