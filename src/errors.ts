import { errorTable as table } from './error-table.ts';

export type ErrorCode = keyof typeof table;

/** An expected "no": a value, never thrown by a stage that decides. `detail` is read by an LLM: our own words only, no text from outside. */
export interface Refusal {
  readonly refused: ErrorCode;
  readonly detail?: string;
  /** Whole seconds for Retry-After. */
  readonly retryAfterS?: number;
  /** With what status the next hop refused, where it was not the destination. */
  readonly receivedStatus?: number;
}

/** A failure. `message` is for operators and carries no secret; the reply is made from the refusal alone. */
export class ExeatError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal | ErrorCode, message?: string, options?: ErrorOptions) {
    const value = typeof refusal === 'string' ? { refused: refusal } : refusal;
    super(message ?? value.detail ?? table[value.refused][2], options);
    this.name = 'ExeatError';
    this.refusal = value;
  }

  get code(): ErrorCode {
    return this.refusal.refused;
  }
}

/** A refusal to be returned, with what differs from the table's own words. */
export function refuse(refused: ErrorCode, more?: Omit<Refusal, 'refused'>): Refusal {
  return { refused, ...more };
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value;
}

/** The refusal behind any failure: its own, or `internal_error` for what was not foreseen. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof ExeatError ? error.refusal : { refused: 'internal_error' };
}

export function statusOf(code: ErrorCode): number {
  return table[code][0];
}

export function detailOf(refusal: Refusal): string {
  return refusal.detail ?? table[refusal.refused][2];
}

/** Proxy-Status field value (RFC 9209 §2): our code is in it for those who see no body, as after HEAD and CONNECT. `receivedStatus` is the destination's status when there was one. */
export function proxyStatusOf(code: ErrorCode, receivedStatus?: number): string {
  const received = receivedStatus === undefined ? '' : `; received-status=${receivedStatus}`;
  return `exeat; error=${table[code][1]}${received}; details="${code}"`;
}
