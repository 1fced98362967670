import type { Secret } from './secret.ts';
import type { MirroredArguments } from './tool-headers.ts';

/** The proxy of a company's network, on the way to others. It resolves their names, so nobody here learns their addresses. */
export interface UpstreamProxy {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Its own address may be in a private range. */
  readonly allowPrivate: boolean;
  /** PEM of extra roots for its own TLS. */
  readonly ca?: string;
  /** The value of Proxy-Authorization, read anew for each connection; throws when it cannot be had. */
  readonly authorization?: () => Secret;
}

/** How a credential or a call may travel to a network peer; shared by destinations and the authority. Times in ms. */
export interface PeerNetwork {
  /** Dial this `host:port` instead; TLS and `Host` still use the peer's own name. */
  readonly connectTo?: { readonly host: string; readonly port: number };
  /** The proxy through which this host of the peer is reached; undefined: it is dialled. Never one for an address, a wildcard's name or loopback. */
  readonly proxyFor?: (host: string) => UpstreamProxy | undefined;
  /** Private and loopback ranges are allowed for this peer; metadata and link-local addresses never are. */
  readonly allowPrivate: boolean;
  /** PEM of extra roots, beside the public ones. */
  readonly ca?: string;
  /** A credential may travel in clear, and only to loopback. */
  readonly unsafeCleartext: boolean;
  /** HTTP/2 is spoken with the peer, and nothing else. */
  readonly http2?: boolean;
  readonly connectTimeoutMs: number;
  /** From the request being sent to the first byte of the answer's head. */
  readonly headersTimeoutMs: number;
  /** Longest silence inside a body, either way; 0 = none. */
  readonly idleTimeoutMs: number;
}

/** A named service that agents may reach. Made from the config at load; never changed afterwards. */
export interface Destination extends PeerNetwork {
  readonly name: string;
  readonly scheme: 'http' | 'https';
  /** Lower-case names, without a trailing dot; `*.name` stands for exactly one label. A route has exactly one, without `*`. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** `/tickets`: the prefix on Exeat's own listener. Absent for forward-only destinations. */
  readonly route?: string;
  /** Path of the configured `url`, prepended to what follows the route; '' or `/mcp`, no trailing slash. */
  readonly basePath: string;
  /** `grpc`: each call is a method of a service, over HTTP/2. `mcp`, `llm`, `a2a`: messages are read, and what is none is refused. `tunnel`: not HTTP, or not to be read: reached by CONNECT alone. */
  readonly protocol: 'http' | 'grpc' | 'tunnel' | 'mcp' | 'llm' | 'a2a';
  /** What a CONNECT to it is: `intercept`, read call by call, or `tunnel`, one call that is relayed unread and has no credential. */
  readonly tls: 'intercept' | 'tunnel';
  /** What may be asked of a model provider. */
  readonly models?: ModelSettings;
  /** By name; where there are any, a tool that is not among them is refused. */
  readonly tools?: ReadonlyMap<string, PinnedTool>;
  /** A tool whose definition has changed is refused until an operator has looked at it. */
  readonly refusesChangedTools?: boolean;
  /** Where its A2A endpoint is; the HTTP+JSON binding is below it. */
  readonly a2a?: { readonly path: string };
  /** Where its MCP endpoint is, and the one revision that is spoken with it; undefined: any. */
  readonly mcp?: { readonly path: string; readonly revision: string | undefined };
  /** Arguments that the pinned definition does not declare pass unseen; else they are refused. */
  readonly passesUndeclaredArguments?: boolean;
  /** Path templates, `/repos/{owner}/{repo}`; one `{name}` = one segment. */
  readonly operations: readonly string[];
  /** The kind of the credential provider; undefined: nothing is injected. */
  readonly credentialKind: string | undefined;
  /** Largest request body in bytes; undefined = unlimited. */
  readonly bodyLimitBytes?: number;
  /** Lower-case names of the agent's own credential headers that may pass (`unsafe_keep`). */
  readonly keepHeaders: ReadonlySet<string>;
  /** Cookie and Set-Cookie pass (`pass_cookies`). */
  readonly passCookies: boolean;
  /** Paths may hold `;` and percent-encoded reserved characters such as `%2F` (`unsafe_encoded_path`). */
  readonly allowEncodedPath: boolean;
  /** Answers are not searched for the injected credential (`unsafe_reflection`). */
  readonly unsafeReflection: boolean;
  /** Epoch ms until which calls that policy would deny are forwarded and marked; task and address checks still refuse. */
  readonly observeUntil?: number;
}

/** What a model provider may do from its own network, where nothing of it comes by here. */
export interface ModelSettings {
  /** Types of tools, without a date at their end. */
  readonly providerTools: ReadonlySet<string>;
  /** Tools of servers may be called without anyone being asked. */
  readonly unattendedTools: boolean;
  /** Pictures and files may lie anywhere. */
  readonly fetchesAnything: boolean;
  /** For a million tokens, by model; `*` for any other. */
  readonly prices: ReadonlyMap<string, { readonly input: number; readonly output: number }>;
}

/** A tool of an MCP server as an operator has reviewed it. */
export interface PinnedTool {
  /** SHA-256 of its canonical definition, base64url. */
  readonly digest: string;
  /** Its declared arguments, and as what policy sees each; undefined: declared, and not to be seen. */
  readonly arguments: ReadonlyMap<string, ArgumentType | undefined>;
  /** Its arguments that are mirrored in header fields; undefined: not known. */
  readonly mirrors?: MirroredArguments;
}

/** How an argument is shown to policy. `Decimal`: a number of at most four decimals. The plurals are sets. */
export type ArgumentType = 'String' | 'Bool' | 'Long' | 'Decimal' | 'Strings' | 'Longs';

/** The call as it will leave: scheme, host and port of a destination, and the exact path and query that are forwarded. */
export interface Target {
  readonly destination: Destination;
  /** The concrete lower-case host, one that `destination.hosts` names. */
  readonly host: string;
  /** Canonical, begins with `/`; the bytes policy sees and the bytes that are forwarded. '' for a tunnel as a whole. */
  readonly path: string;
  /** With its leading `?`, or ''. */
  readonly query: string;
}
