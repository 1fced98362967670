// What the forwarding peers share: the least that a correct and careful proxy on undici `dispatch` does.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher, Pool } from 'undici';

const hop = new Set('connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade'.split(' '));

export function forwardTo(pool: Pool): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const target = request.url ?? '/';
    const path = target.startsWith('/') ? target : target.slice(target.indexOf('/', 7));
    const { headers, hasBody } = endToEnd(request.rawHeaders);
    pool.dispatch({ path, method: request.method ?? 'GET', headers, body: hasBody ? request : null }, forwarded(response));
  };
}

function forwarded(response: ServerResponse): Dispatcher.DispatchHandler {
  let remaining = Infinity;
  return {
    onRequestStart: (controller) => {
      response.on('close', () => {
        if (!response.writableFinished) controller.abort(new Error('client gone'));
      });
    },
    onResponseStart: (controller, status, headers) => {
      remaining = Number(headers['content-length'] ?? Infinity);
      const raw = (controller.rawHeaders as Buffer[]).map((field) => field.toString('latin1'));
      response.writeHead(status, endToEnd(raw).headers);
    },
    onResponseData: (controller, chunk) => {
      remaining -= chunk.length;
      // Head and body of a small answer leave in one write, as one string.
      if (remaining === 0 && chunk.length < 4096) response.end(chunk.toString('latin1'), 'latin1');
      else if (remaining === 0) response.end(chunk);
      else if (!response.write(chunk)) {
        controller.pause();
        response.once('drain', () => controller.resume());
      }
    },
    onResponseEnd: () => {
      if (remaining !== 0) response.end();
    },
    onResponseError: () => void (response.headersSent ? response.destroy() : response.writeHead(502).end()),
  };
}

/** One pass over the header list: hop-by-hop fields (RFC 9110 §7.6.1) and pseudo-fields stay here. */
function endToEnd(raw: readonly string[]): { headers: string[]; hasBody: boolean } {
  const headers = ['via', '1.1 peer'];
  let hasBody = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'content-length' || lower === 'transfer-encoding') hasBody = true;
    if (!hop.has(lower) && !lower.startsWith(':')) headers.push(name, raw[i + 1] ?? '');
  }
  return { headers, hasBody };
}
