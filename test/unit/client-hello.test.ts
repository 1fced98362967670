import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOpening } from '../../src/ingress/client-hello.ts';
import { clientHello, extension, recorded, records, serverName } from '../support/client-hello.ts';

const name = (hello: Buffer): unknown => {
  const opening = readOpening(hello);
  return opening.kind === 'tls' ? opening.hello.serverName : opening.kind;
};

test('the server name is read from whatever Node puts on the wire', async () => {
  assert.equal(name(await recorded({ servername: 'Api.Example.com' })), 'api.example.com');
  assert.equal(name(await recorded({ servername: '' })), undefined);
  assert.equal(name(await recorded({ servername: 'a.example', ALPNProtocols: ['h2', 'http/1.1'], maxVersion: 'TLSv1.2' })), 'a.example');
});

test('a ClientHello without extensions, or without a server name, names nothing', () => {
  assert.equal(name(records(clientHello(undefined))), undefined);
  assert.equal(name(records(clientHello([extension(43, Buffer.from([2, 3, 4]))]))), undefined);
});

test('what follows the ClientHello in records of its own is not looked at', () => {
  assert.equal(name(Buffer.concat([records(clientHello([serverName('a.example')])), Buffer.from('anything')])), 'a.example');
});

test('a ClientHello may be spread over many records', () => {
  assert.equal(name(records(clientHello([serverName('a.example')]), 3)), 'a.example');
});

const broken: readonly [what: string, bytes: () => Buffer][] = [
  ['two server names', () => records(clientHello([serverName('a.example'), serverName('b.example')]))],
  ['a list of two names', () => records(clientHello([serverName('a.example', 'b.example')]))],
  ['an empty name', () => records(clientHello([serverName('')]))],
  ['a name of another type', () => records(clientHello([extension(0, Buffer.from([0, 4, 1, 0, 1, 97]))]))],
  ['bytes after the list of names', () => records(clientHello([extension(0, Buffer.from([0, 4, 0, 0, 1, 97, 0]))]))],
  ['an extension that is longer than all extensions', () => records(clientHello([Buffer.from([0, 0, 0, 9, 0])]))],
  ['bytes after the extensions', () => records(Buffer.concat([clientHello([serverName('a.example')], 1), Buffer.from([0])]))],
  ['another handshake message', () => records(Buffer.from([2, 0, 0, 1, 0]))],
  ['a second message in the same record', () => records(Buffer.concat([clientHello([]), Buffer.from([1, 0])]))],
  ['an empty record', () => Buffer.from([22, 3, 1, 0, 0])],
  ['a record that is too long', () => Buffer.from([22, 3, 1, 0x40, 1])],
  ['a message that is too long', () => records(Buffer.from([1, 1, 0, 0, 0]))],
  ['another version of records', () => Buffer.from([22, 2, 0, 0, 1])],
  ['another record between those of the message', () => Buffer.concat([records(Buffer.from([1, 0])), Buffer.from([21, 3, 3, 0, 2, 1, 0])])],
  ['very many records', () => records(clientHello([serverName('a'.repeat(200))]), 1)],
];

for (const [what, bytes] of broken) {
  test(`${what} cannot be read one way only, so it is no ClientHello`, () => {
    assert.equal(name(bytes()), 'broken');
  });
}

test('anything but a handshake record is plain', () => {
  for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0-x', '\0', 'PRI * HTTP/2.0']) assert.equal(name(Buffer.from(text)), 'plain');
});
