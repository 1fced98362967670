import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenClaims } from '../support/token-check.ts';

/** The protected API's own part: what it answers to a call whose token was good. */
export interface ItemsApi {
  /** Method and path of the calls it got, in order. */
  readonly seen: readonly string[];
  readonly answer: (request: IncomingMessage, response: ServerResponse, claims: TokenClaims) => Promise<void>;
  /** Sends the next event to whoever follows /events; the third is the last. */
  readonly release: () => void;
}

export function createItemsApi(): ItemsApi {
  const seen: string[] = [];
  const gate = new EventTarget();

  async function follow(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: event 1\n\n');
    const left = new AbortController();
    response.once('close', () => left.abort());
    for (const number of [2, 3]) {
      await once(gate, 'release', { signal: left.signal }).catch(() => undefined);
      if (response.destroyed) return;
      response.write(`data: event ${number}\n\n`);
    }
    response.end();
  }

  return {
    seen,
    release: () => void gate.dispatchEvent(new Event('release')),
    async answer(request, response, claims) {
      const call = `${request.method} ${request.url}`;
      seen.push(call);
      if (call === 'GET /events') return follow(response);
      if (call === 'PUT /uploads/too-large') return void response.writeHead(413, { 'content-type': 'text/plain' }).end('too large');
      const body = request.method === 'PUT' ? await receive(request) : { items: ['first', 'second'], for: claims };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body)}\n`);
    },
  };
}

async function receive(request: IncomingMessage): Promise<object> {
  const digest = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    digest.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: digest.digest('hex'), chunked: request.headers['content-length'] === undefined };
}
