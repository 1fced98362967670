/** One request, as a client is asked to make it. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A file to send as the body, read while it is sent where the client can. */
  readonly file?: string;
  /** Without Content-Length. */
  readonly chunked?: boolean;
  /** How often, one after the other, with one and the same client. */
  readonly times?: number;
}

/** How to start a client for a request. What it prints to standard output is each answer as HTTP/1.1 writes it: status line, head, empty line, body as it comes. */
export interface Command {
  readonly program: string;
  readonly argv: readonly string[];
  /** A file for its standard input. */
  readonly input?: string;
}

/** What its user does besides setting the variables that Exeat names: nothing; one setting of the client's own; or the base URL of a route. */
export type Took = 'nothing' | `setting: ${string}` | `route: ${string}`;

/** A row of the README's table. */
export interface Row {
  readonly name: string;
  /** Under `exeat run`. */
  readonly took: Took;
  /** With the proxy URL of a task, which holds its credential; left out where that is the same. */
  readonly tookByUrl?: Took;
  /** What this client itself cannot do or does not show, in a few words each. */
  readonly limits?: readonly string[];
}

/** A client that people use, unmodified. */
export interface Unmodified extends Row {
  /** With a task's proxy URL: what it needs besides http_proxy, https_proxy and the variables for trust, which are `trust`. */
  readonly environment?: (proxyUrl: URL, trust: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
}

/** What a client may have no way to do, in the README's words. */
export const lacking = { chunked: 'sends no upload of unknown length', 'keep-alive': 'closes each connection' } as const;
export type Lack = keyof typeof lacking;

/** One that is asked for single HTTP requests. */
export interface Client extends Unmodified {
  /** What it has no way to do: those scenarios are not in its table, and the README says so. */
  readonly lacks?: readonly Lack[];
  /** It speaks HTTP/2 where it is offered. */
  readonly http2?: true;
  /** What it prints for a 407 to a request where that is an error of the client's and no answer. */
  readonly proxyRefused?: RegExp;
  /** What it prints for a 407 to a CONNECT, if not its number. */
  readonly tunnelRefused?: RegExp;
  /** Finds, installs or builds the client. Fails, saying what to install, where that cannot be. */
  readonly prepare: () => Promise<(ask: Ask) => Command>;
}

/** The arguments of the small programs in programs/, one for each library. */
export function programArguments({ method, url, headers = {}, file, chunked, times }: Ask): string[] {
  return [
    method,
    url,
    ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    ...(file === undefined ? [] : ['--file', file]),
    ...(chunked === true ? ['--chunked'] : []),
    ...(times === undefined ? [] : ['--times', String(times)]),
  ];
}

/** The path of a file in programs/. */
export function programFile(name: string): string {
  return new URL(`programs/${name}`, import.meta.url).pathname;
}
