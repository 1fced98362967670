import type { IncomingMessage, ServerResponse } from 'node:http';

type Take = (request: IncomingMessage, response: ServerResponse) => void;

/** How many requests may wait behind others, on all connections together; one more costs its connection. */
const mostWaiting = 4096;

/**
 * Takes the requests of one connection in turn, each when the answer before it is sent. What a client pipelines is not carried out in another order
 * than it was sent (RFC 9112 §9.3.2), a connection is one running call at most, and what stands behind an answer that closes the connection is not taken.
 */
export function inTurn(take: Take): Take {
  let waiting = 0;
  const takeUnlessClosing = (request: IncomingMessage, response: ServerResponse) => {
    if (request.socket.writable) take(request, response);
  };
  return (request, response) => {
    // Node gives an answer its connection when those before it are sent.
    if (response.socket !== null) return takeUnlessClosing(request, response);
    if (waiting >= mostWaiting) return void request.socket.destroy();
    waiting += 1;
    const bytes = request.socket.writableHighWaterMark;
    holdBack(response, bytes);
    const leave = () => {
      waiting -= 1;
      request.off('close', leave);
      response.off('socket', start);
    };
    const start = () => {
      leave();
      takeUnlessClosing(request, response);
      holdBack(response, -bytes);
    };
    request.once('close', leave);
    response.once('socket', start);
  };
}

/** Node reads no more from a client that has let so many bytes of answers pile up: whoever waits counts as such, since nothing else stops it. */
const pendingData = '_onPendingData';

function holdBack(response: ServerResponse, bytes: number): void {
  if (pendingData in response && typeof response[pendingData] === 'function') response[pendingData](bytes);
}
