import { detailOf, type ErrorCode, type Refusal, statusOf } from './errors.ts';

/** gRPC over HTTP/2 (its own subtypes, but neither gRPC-Web nor anything longer). */
const mediaType = /^application\/grpc(?:[+;]|$)/i;

export function isGrpc(contentType: string): boolean {
  return mediaType.test(contentType);
}

/** The method in `/package.Service/Method`; undefined for a path that names none. */
export function grpcMethod(path: string): { readonly service: string; readonly method: string } | undefined {
  const [, service, method] = /^\/([A-Za-z_][\w.]*)\/([A-Za-z_]\w*)$/.exec(path) ?? [];
  return service === undefined || method === undefined ? undefined : { service, method };
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };
/** The longest that a timer here can wait. */
const longestMs = 2_147_483_647;

/** What `grpc-timeout` allows, in ms; undefined for what is none. */
export function grpcTimeoutMs(value: string): number | undefined {
  const [, amount = '', unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
  const ms = Number(amount) * (unitMs[unit] ?? 0);
  return unit === '' ? undefined : Math.min(Math.ceil(ms), longestMs);
}

/** UNAUTHENTICATED: what a 401 is elsewhere. */
export const unauthenticated = 16;

/** What `grpc-status` says, which stands in the trailers of an answer, or in the head of one without messages; undefined: nothing that is a code. */
export function grpcStatusIn({ 'grpc-status': value }: Readonly<Record<string, unknown>>): number | undefined {
  return typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : undefined;
}

/** gRPC's status codes, by the HTTP status of ours; a code of its own where that says too little. */
const byStatus: Readonly<Record<number, number>> = {
  400: 3,
  403: 7,
  404: 12,
  405: 12,
  407: 7,
  408: 4,
  413: 8,
  415: 12,
  417: 3,
  421: 7,
  429: 8,
  431: 8,
  499: 1,
};
const byCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  credential_rejected: 7,
  internal_error: 13,
  upstream_malformed: 13,
  http2_missing: 12,
};

/** Never UNAUTHENTICATED: it is not the agent that has to log in. */
function grpcStatusOf(code: ErrorCode): number {
  const status = statusOf(code);
  return byCode[code] ?? byStatus[status] ?? (status === 504 ? 4 : 14);
}

/** A refusal as the fields that end a call of gRPC. */
export function grpcFields(refusal: Refusal): [string, string][] {
  return [
    ['grpc-status', String(grpcStatusOf(refusal.refused))],
    // Our own words, in ASCII; `%` is what the field escapes with.
    ['grpc-message', `Exeat: ${detailOf(refusal)} (${refusal.refused})`.replaceAll('%', '%25')],
  ];
}
