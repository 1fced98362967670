import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';

/** What Node's own client sends first, with these options. */
export async function recorded(options: ConnectionOptions): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({ read() {}, write: (chunk: Buffer) => resolve(chunk) });
  const client = connect({ ...options, socket: wire });
  client.on('error', () => {});
  const hello = await promise;
  client.destroy();
  await once(client, 'close');
  return hello;
}

/** A ClientHello message with these extensions; undefined: without the field. `surplus`: so many bytes more than it holds are announced. */
export function clientHello(extensions: readonly Buffer[] | undefined, surplus = 0): Buffer {
  const fixed = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), vector(1, Buffer.alloc(0)), vector(2, Buffer.from([0x13, 1]))]);
  const body = [fixed, vector(1, Buffer.from([0])), ...(extensions === undefined ? [] : [vector(2, Buffer.concat(extensions))])];
  const content = Buffer.concat(body);
  const header = Buffer.alloc(4);
  header.writeUInt8(1);
  header.writeUIntBE(content.length + surplus, 1, 3);
  return Buffer.concat([header, content]);
}

export function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, type]), vector(2, content)]);
}

export function serverName(...names: readonly string[]): Buffer {
  const list = names.map((name) => Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name, 'latin1'))]));
  return extension(0, vector(2, Buffer.concat(list)));
}

/** The message in handshake records of at most so many bytes. */
export function records(message: Buffer, most = 16_384): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += most) {
    parts.push(Buffer.concat([Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + most))]));
  }
  return Buffer.concat(parts);
}

function vector(lengthBytes: 1 | 2, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}
