import type { ServerResponse } from 'node:http';

/** How long a client that is to be disconnected may pause in what it still sends. */
const lingerMs = 1000;

/**
 * Ends an answer after which the connection closes, but only once the client has sent all of its request or has fallen silent: closing under what
 * it still sends resets the connection, and the answer is lost with it (RFC 9112 §9.6).
 */
export function endLingering(response: ServerResponse, last?: Uint8Array): void {
  const request = response.req;
  if (request.complete) return void response.end(last);
  if (last === undefined) response.flushHeaders();
  else response.write(last);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs).unref();
  request.on('data', () => timer.refresh());
  request.once('close', end);
  request.resume();
}
