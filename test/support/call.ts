import { openWire } from './wire.ts';

export interface Answered {
  readonly status: number;
  /** Status line and header section, in lower case. */
  readonly head: string;
  readonly body: string;
  /** Exeat's own code, where the answer is a refusal. */
  readonly code: string | undefined;
}

export interface CallOptions {
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** Of the task; none where the listener is the task. */
  readonly authorization?: string;
  readonly method?: string;
  /** Header lines. */
  readonly fields?: readonly string[];
  readonly body?: string;
}

/** One call through the forward door on a connection of its own, as a client writes it. */
export async function call(url: string, { proxy, authorization, method = 'GET', fields = [], body = '' }: CallOptions): Promise<Answered> {
  await using wire = await openWire(proxy);
  const task = authorization === undefined ? [] : [`Proxy-Authorization: ${authorization}`];
  const head = [`${method} ${url} HTTP/1.1`, `Host: ${new URL(url).host}`, ...task, 'Connection: close'];
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  wire.send([...head, ...length, ...fields, '', body].join('\r\n'));
  return answered(await wire.closed());
}

function answered(transcript: string): Answered {
  const end = transcript.indexOf('\r\n\r\n');
  const head = transcript.slice(0, end).toLowerCase();
  const body = transcript.slice(end + 4);
  return { status: Number(/^http\/1\.1 (\d{3})/.exec(head)?.[1]), head, body, code: /"code":"(\w+)"/.exec(body)?.[1] };
}
