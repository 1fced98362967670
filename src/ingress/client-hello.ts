/** What the first message of a TLS client says in clear (RFC 8446 §4.1.2), as far as it matters here. */
export interface ClientHello {
  /** The name of its server_name extension (RFC 6066 §3) in lower case; with ECH it is the outer one. undefined: it names none. */
  readonly serverName: string | undefined;
}

/** What the first bytes of a connection are; `more`: too few to tell. `broken`: they begin as TLS and are no ClientHello that can be read one way only. */
export type Opening =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'plain' }
  | { readonly kind: 'broken' }
  | { readonly kind: 'more' };

/** Those in use have 200 to 2,500 bytes, the largest with post-quantum key shares, in one or two records. */
const mostBytes = 16 * 1024;
const mostRecords = 32;

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const hostName = 0;
const broken = Symbol('broken');

/** Reads what has arrived so far. More bytes change nothing but `more`, so that an answer does not depend on how they were split into packets. */
export function readOpening(bytes: Buffer): Opening {
  if (bytes.length === 0) return { kind: 'more' };
  if (bytes[0] !== handshakeRecord) return { kind: 'plain' };
  const message = handshakeMessage(bytes);
  if (message === undefined) return { kind: 'more' };
  const serverName = message === broken ? broken : serverNameOf(new Cursor(message));
  return serverName === broken ? { kind: 'broken' } : { kind: 'tls', hello: { serverName } };
}

/** The body of the first handshake message, put together from whole records (RFC 8446 §5.1); undefined: not all of it is there. */
function handshakeMessage(bytes: Buffer): Buffer | typeof broken | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 3);
    const isHandshake = bytes[at] === handshakeRecord && bytes[at + 1] === 3;
    if (!isHandshake || length === 0 || length > mostBytes || parts.length === mostRecords) return broken;
    const end = at + 5 + length;
    if (end > bytes.length) return undefined;
    parts.push(bytes.subarray(at + 5, end));
    at = end;
    const message = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    if (message === undefined || message.length < 4) continue;
    const size = message.readUIntBE(1, 3);
    // A second message in the same record could not be kept apart from this one.
    if (message[0] !== clientHello || size > mostBytes || message.length > 4 + size) return broken;
    if (message.length === 4 + size) return message.subarray(4);
  }
  return undefined;
}

/** undefined: there is none. */
function serverNameOf(hello: Cursor): string | undefined | typeof broken {
  hello.skip(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.failed) return broken;
  // Before TLS 1.2 there was a ClientHello without extensions.
  if (hello.atEnd) return undefined;
  const extensions = hello.vector(2);
  if (!hello.atEnd) return broken;
  let name: string | undefined;
  let seen = false;
  while (!extensions.atEnd) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (extensions.failed) return broken;
    if (type !== serverNameExtension) continue;
    const found = seen ? broken : hostNameIn(content);
    if (found === broken) return broken;
    seen = true;
    name = found;
  }
  return hello.failed ? broken : name;
}

/** The list may hold one name of each type, and there is one type (RFC 6066 §3). */
function hostNameIn(content: Cursor): string | typeof broken {
  const list = content.vector(2);
  const type = list.number(1);
  const name = list.vector(2).rest();
  if (list.failed || content.failed || !list.atEnd || !content.atEnd || type !== hostName || name.length === 0) return broken;
  return name.toString('latin1').toLowerCase();
}

/** Reads forward; once something is missing it has failed, and all that it still reads is empty. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;
  failed = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.failed || this.#at === this.#bytes.length;
  }

  skip(count: number): void {
    this.#take(count);
  }

  number(bytes: 1 | 2): number {
    const part = this.#take(bytes);
    return part.length === 0 ? 0 : part.readUIntBE(0, bytes);
  }

  /** A vector whose length stands before it, in so many bytes. */
  vector(lengthBytes: 1 | 2): Cursor {
    const content = new Cursor(this.#take(this.number(lengthBytes)));
    content.failed = this.failed;
    return content;
  }

  rest(): Buffer {
    return this.#take(this.#bytes.length - this.#at);
  }

  #take(count: number): Buffer {
    this.failed ||= this.#at + count > this.#bytes.length;
    if (this.failed) return Buffer.alloc(0);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}
