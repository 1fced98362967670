import type { ServerResponse } from 'node:http';
import { startOrigin, type Origin } from './origin.ts';
import { openWire } from './wire.ts';

/** An event stream that runs through a sidecar. */
export interface OpenStream extends AsyncDisposable {
  /** Sends one event at the origin and waits for it at the client. */
  event(data: string): Promise<void>;
  /** Resolves when it has been broken off on both sides; fails when it was ended as if it were whole. */
  broken(): Promise<void>;
  /** Ends it at the origin, in the ordinary way. */
  end(): void;
}

/** An origin that answers `/` with a small body, and any other path with an event stream that it never ends by itself. */
export interface StreamOrigin extends Origin {
  readonly streams: ReadonlyMap<string, ServerResponse>;
}

export async function startStreams(): Promise<StreamOrigin> {
  const streams = new Map<string, ServerResponse>();
  const origin = await startOrigin((request, response) => {
    if (request.url === '/') return void response.end('{}');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    return void streams.set(request.url ?? '', response);
  });
  return { ...origin, streams };
}

export interface StreamOptions {
  readonly origin: StreamOrigin;
  readonly task: { readonly authorization: string };
  readonly path?: string;
  /** How the destination is called, if not by its address. */
  readonly url?: string;
}

/** Begins one in this task and waits until it runs. */
export async function openStream(
  exeat: { readonly proxy: string },
  { origin, task, path = '/events', url = origin.url }: StreamOptions,
): Promise<OpenStream> {
  const wire = await openWire(exeat.proxy);
  wire.send(`GET ${url}${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nProxy-Authorization: ${task.authorization}\r\n\r\n`);
  await wire.until(/200 OK[^]*\r\n\r\n/);
  const response = origin.streams.get(path);
  if (response === undefined) throw new Error(`the origin has no stream ${path}`);
  const gone = new Promise<void>((resolve) => {
    response.on('close', resolve);
  });
  return {
    async event(data) {
      response.write(`data: ${data}\n\n`);
      await wire.until(new RegExp(`data: ${data}\n\n`));
    },
    async broken() {
      const transcript = await wire.closed();
      if (transcript.endsWith('\r\n0\r\n\r\n')) throw new Error('the client takes the stream for complete');
      await gone;
    },
    end: () => void response.end(),
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}
