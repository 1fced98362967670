import type { ServerResponse } from 'node:http';

/** How long a client whose answer is there may pause in what it still sends. */
const lingerMs = 1000;

/**
 * Ends an answer after which the connection closes, but only once the client has sent all of its request or has fallen silent: closing under what
 * it still sends resets the connection, and the answer is lost with it (RFC 9112 §9.6).
 */
export function endLingering(response: ServerResponse, last?: Uint8Array): void {
  if (last === undefined) response.flushHeaders();
  else response.write(last);
  response.req.resume();
  whenQuiet(response, () => response.end());
}

/** After an answer that came early on a connection that stays: a client that falls silent in the middle of its request would stay for ever. */
export function closeStalled(response: ServerResponse): void {
  const { req: request } = response;
  const close = () => request.complete || request.socket.destroySoon();
  response.once('finish', () => request.complete || whenQuiet(response, close));
}

/** Calls once: when all of the request is there, or nothing more of it has come for a while. */
function whenQuiet({ req: request }: ServerResponse, then: () => void): void {
  const { socket } = request;
  let seen = socket.bytesRead;
  const timer = setInterval(() => {
    if (socket.bytesRead === seen) end();
    seen = socket.bytesRead;
  }, lingerMs).unref();
  const end = () => {
    clearInterval(timer);
    request.off('close', end);
    then();
  };
  request.once('close', end);
}
