import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import type { TestSidecar } from './sidecar.ts';
import { openTunnel, trustOf, type TunnelOptions } from './tunnel.ts';

/** HTTP/2 frame by frame (RFC 9113 §4.1): what no client library would send. */
export interface FrameClient extends AsyncDisposable {
  readonly tls: TLSSocket;
  /** The connection under TLS. */
  readonly wire: Socket;
  readonly send: (...frames: readonly Buffer[]) => void;
  /** Waits for the frame that ends this stream: DATA or HEADERS with END_STREAM, or RST_STREAM. */
  ended(stream: number): Promise<'answered' | 'reset'>;
}

export const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8, continuation: 9 } as const;
const endStream = 1;
const endHeaders = 4;

/** CONNECT, TLS, the preface and empty SETTINGS. */
export async function openFrames(exeat: TestSidecar, options: TunnelOptions): Promise<FrameClient> {
  const wire = await openTunnel(exeat, options);
  const tls = connect({ socket: wire, servername: 'api.example', ca: trustOf(exeat), ALPNProtocols: ['h2'] });
  await once(tls, 'secureConnect');
  tls.on('error', () => {});
  const ends = new Map<number, 'answered' | 'reset'>();
  let unread = Buffer.alloc(0);
  tls.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
      const [type, flags, stream] = [unread[3], unread[4] ?? 0, unread.readUInt32BE(5)];
      unread = unread.subarray(9 + unread.readUIntBE(0, 3));
      if (type === frameTypes.reset) ends.set(stream, 'reset');
      else if ((type === frameTypes.data || type === frameTypes.headers) && (flags & endStream) !== 0) ends.set(stream, 'answered');
    }
    tls.emit('frames');
  });
  const send: FrameClient['send'] = (...frames) => void tls.write(Buffer.concat(frames));
  send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameTypes.settings, { stream: 0 }));
  return {
    tls,
    wire,
    send,
    async ended(stream) {
      for (;;) {
        const end = ends.get(stream);
        if (end !== undefined) return end;
        await once(tls, 'frames', { signal: AbortSignal.timeout(5000) });
      }
    },
    async [Symbol.asyncDispose]() {
      wire.destroy();
    },
  };
}

export function frame(
  type: number,
  { stream, flags = 0, payload = Buffer.alloc(0) }: { stream: number; flags?: number; payload?: Buffer },
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A whole header block, its fields a flat list, without compression (RFC 7541 §6.2.2); `more`: a body follows. */
export function headers(stream: number, fields: readonly string[], { more = false } = {}): Buffer {
  const payload = Buffer.concat(fields.flatMap((text, i) => (i % 2 === 0 ? [Buffer.from([0]), octets(text)] : [octets(text)])));
  return frame(frameTypes.headers, { stream, flags: more ? endHeaders : endStream | endHeaders, payload });
}

function octets(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
}
