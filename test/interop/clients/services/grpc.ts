import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Deed, ServiceClient, ServiceOptions } from '../service-client.ts';

/** Methods of `interop.v1.Tickets`: `Who` says each message back at once, and who sent it; `Watch` sends its first event and goes on. */
export const methods: Readonly<Record<Deed, string>> = { allowed: 'Who', denied: 'Purge', followed: 'Watch' };

/** The ways of calling that a deed takes, as grpcio names them. */
export const kinds: Readonly<Record<Deed, readonly string[]>> = {
  allowed: ['unary_unary', 'unary_stream', 'stream_unary', 'stream_stream'],
  denied: ['unary_unary'],
  followed: ['unary_stream'],
};

export const policy = `permit (principal, action == Action::"call_method", resource) unless { context.grpc.method == "${methods.denied}" };`;

export const destination = { protocol: 'grpc' };

/** gRPC over HTTP/2 as its specification has it, without a library: length-prefixed messages, the status in the trailers. */
export function serveGrpc({ cert, key, admit }: ServiceOptions): ReturnType<ServiceClient['serve']> {
  const server = createSecureServer({ cert, key });
  server.on('stream', (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    void answer(stream, fields, admit).catch(() => stream.destroy());
  });
  return server;
}

async function answer(stream: ServerHttp2Stream, fields: IncomingHttpHeaders, admit: ServiceOptions['admit']): Promise<void> {
  const claims = await admit(fields);
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  if (claims === undefined) return stream.resume().respond({ ...head, 'grpc-status': '16' }, { endStream: true });
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (String(fields[':path']).endsWith(`/${methods.followed}`)) return void stream.resume().write(message('event 1'));
  for await (const text of messages(stream)) stream.write(message(`${text.toString()} ${JSON.stringify(claims)}`));
  stream.end();
}

async function* messages(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 5) {
      const end = 5 + held.readUInt32BE(1);
      if (held.length < end) break;
      yield held.subarray(5, end);
      held = held.subarray(end);
    }
  }
}

function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}
