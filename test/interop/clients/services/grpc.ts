import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Deed, ServiceClient, ServiceOptions } from '../service-client.ts';

/** Methods of `interop.v1.Tickets`: a message of any bytes in, a stream of texts out. */
export const methods: Readonly<Record<Deed, string>> = { allowed: 'Who', denied: 'Purge', followed: 'Watch' };

export const policy = `permit (principal, action == Action::"call_method", resource) unless { context.grpc.method == "${methods.denied}" };`;

export const destination = { protocol: 'grpc' };

/** gRPC over HTTP/2 as its specification has it, without a library: length-prefixed messages, the status in the trailers. */
export function serveGrpc({ cert, key, admit }: ServiceOptions): ReturnType<ServiceClient['serve']> {
  const server = createSecureServer({ cert, key });
  server.on('stream', (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    stream.resume();
    void answer(stream, fields, admit);
  });
  return server;
}

async function answer(stream: ServerHttp2Stream, fields: IncomingHttpHeaders, admit: ServiceOptions['admit']): Promise<void> {
  const claims = await admit(fields);
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  if (claims === undefined) return stream.respond({ ...head, 'grpc-status': '16' }, { endStream: true });
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (String(fields[':path']).endsWith(`/${methods.followed}`)) stream.write(message('event 1'));
  else stream.end(message(JSON.stringify(claims)));
}

function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}
