import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { nodeOf, pathOf, stringOf } from './expressions.ts';

/** A datetime or duration of Cedar, as a function of the call's time (epoch ms). */
export interface Instant {
  readonly type: 'datetime' | 'duration';
  at(time: number): number;
}

const dayMs = 86_400_000;
/** Beyond this a sum of two could no longer be told exactly; Cedar itself goes further. */
const farthest = Number.MAX_SAFE_INTEGER / 4;

/** Compiles what we can compute exactly as Cedar does; `isTime` says whether a path is the call's time. undefined for any other. */
export function instantOf(expr: Expr, isTime: (path: readonly string[]) => boolean): Instant | undefined {
  const path = pathOf(expr);
  if (path !== undefined) return isTime(path) ? { type: 'datetime', at: (time) => time } : undefined;
  const { op, args } = nodeOf(expr);
  const literal = args[0] === undefined ? undefined : stringOf(args[0]);
  if (op === 'datetime') return constant('datetime', literal === undefined ? undefined : datetimeMs(literal));
  if (op === 'duration') return constant('duration', literal === undefined ? undefined : durationMs(literal));
  const [of, by] = args.map((arg) => instantOf(arg, isTime));
  if (of?.type !== 'datetime') return undefined;
  switch (op) {
    case 'toDate':
      return { type: 'datetime', at: (time) => Math.floor(of.at(time) / dayMs) * dayMs };
    case 'toTime':
      return { type: 'duration', at: (time) => of.at(time) - Math.floor(of.at(time) / dayMs) * dayMs };
    case 'offset':
      return by?.type === 'duration' ? { type: 'datetime', at: (time) => of.at(time) + by.at(time) } : undefined;
    case 'durationSince':
      return by?.type === 'datetime' ? { type: 'duration', at: (time) => of.at(time) - by.at(time) } : undefined;
    default:
      return undefined;
  }
}

function constant(type: Instant['type'], value: number | undefined): Instant | undefined {
  return value === undefined || Math.abs(value) > farthest ? undefined : { type, at: () => value };
}

/** `2027-01-31`, `2027-01-31T10:00:00Z`, with `.123` and with `+0200` for `Z`. */
function datetimeMs(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d(?:\.\d{3})?)(?:Z|([+-]\d\d)(\d\d)))?$/.exec(text);
  if (match === null) return undefined;
  const [, day, clock = '00:00:00', hours, minutes] = match;
  const ms = Date.parse(`${day}T${clock}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** `1d2h3m4s5ms`, in that order, each part optional, the whole with a sign. */
function durationMs(text: string): number | undefined {
  const match = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, d = 0, h = 0, m = 0, s = 0, ms = 0] = match;
  const sum = Number(d) * dayMs + Number(h) * 3_600_000 + Number(m) * 60_000 + Number(s) * 1000 + Number(ms);
  return sign === '-' ? -sum : sum;
}
