import { hash } from 'node:crypto';
import type { Page } from './page.ts';
import type { SigningKey } from './signing-key.ts';

/** What the first line of a chain links to. */
export const genesis = 'A'.repeat(43);

/** The last line of a chain: what the next one links to. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** Where in the life of a log a checkpoint was made. Only the first line of a file says `begin`. */
export type CheckpointAt = 'begin' | 'interval' | 'rotation' | 'close';

/** A line as read back. `time`: epoch ms. `prev`: SHA-256 (base64url) over the bytes of the line before, without its line feed. */
export interface Line {
  readonly seq: number;
  readonly time: number;
  readonly prev: string;
  readonly event: Readonly<Record<string, unknown>>;
}

const prefix = /^\{"seq":(\d{1,16}),"time":(\d{1,16}),"prev":"([A-Za-z0-9_-]{43})","/;

/** The event's own JSON, as it was before it was linked. */
export function jsonOf(line: string): string {
  return `{${line.slice((prefix.exec(line)?.[0].length ?? 1) - 1)}`;
}

/** undefined = this is not a whole line of ours. */
export function readLine(line: string): Line | undefined {
  const match = prefix.exec(line);
  if (match === null) return undefined;
  try {
    const event = JSON.parse(line) as Line['event'];
    return { seq: Number(match[1]), time: Number(match[2]), prev: match[3] ?? '', event };
  } catch {
    return undefined;
  }
}

const checkpointLine = /^(\{.*,"kind":"checkpoint","at":"([a-z]+)","key":"([\w-]{16})"),"sig":"([\w-]{86})"\}$/;

/** The parts of a checkpoint line: what is signed, where it stands, by which key. undefined = it is none. */
export function readCheckpoint(
  line: string,
): { readonly signed: string; readonly at: string; readonly key: string; readonly sig: string } | undefined {
  const match = checkpointLine.exec(line);
  if (match === null) return undefined;
  const [, signed = '', at = '', key = '', sig = ''] = match;
  return { signed, at, key, sig };
}

export function lineHash(line: string | Uint8Array): string {
  return hash('sha256', line, 'base64url');
}

/** Turns events into linked lines of a page, and signs how far they go. Order of calls is the order of the chain. */
export class Chain {
  #seq: number;
  #hash: string;
  readonly #key: SigningKey;
  readonly #page: Page;

  constructor(end: ChainEnd, { key, page }: { readonly key: SigningKey; readonly page: Page }) {
    this.#seq = end.seq;
    this.#hash = end.hash;
    this.#key = key;
    this.#page = page;
  }

  /** Adds the event to the page. `json`: a non-empty JSON object. It is spliced, not parsed: this is the hot path. */
  link(time: number, json: string): void {
    const line = this.#page.addLine(`{"seq":${this.#seq + 1},"time":${time},"prev":"${this.#hash}",`, json);
    this.#seq += 1;
    this.#hash = lineHash(line);
  }

  /** The signature is over the line itself up to it, and so over everything before. */
  checkpoint(time: number, at: CheckpointAt): string {
    const signed = `{"seq":${this.#seq + 1},"time":${time},"prev":"${this.#hash}","kind":"checkpoint","at":"${at}","key":"${this.#key.id}"`;
    const line = `${signed},"sig":"${this.#key.sign(signed)}"}`;
    this.#seq += 1;
    this.#hash = lineHash(this.#page.addLine('{', line));
    return line;
  }
}
