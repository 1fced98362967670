import { IncomingMessage } from 'node:http';

/**
 * A request whose body whoever reads it may give up, as undici does when the answer is there early: what is still to come is then read and dropped.
 * Node would break the connection, and a client that reads only when it has sent everything would never see its answer.
 */
export class InboundMessage extends IncomingMessage {
  override destroy(error?: Error): this {
    if (this.complete || this.socket.destroyed) return super.destroy(error);
    this.removeAllListeners('data');
    return this.resume();
  }
}
