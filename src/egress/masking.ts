import type { Needle } from './needles.ts';
import type { Search } from './search.ts';

/** How the echo was written. */
export type Form = 'exact' | 'percent' | 'json' | 'html' | 'base64';

export interface MaskingOptions {
  readonly search: Search;
  /** The text is a range of a longer one, so that needles may be cut at its ends. */
  readonly part: boolean;
  /** Told of each needle. */
  readonly onFound: (form: Form) => void;
}

const asterisk = 0x2a;

/**
 * Puts as many asterisks in the place of each needle, in a text that comes in chunks. What may yet become a needle is held back and nothing
 * else, so that a text comes out the same however it was split. A class: one is made per body, and `push` runs for every chunk.
 */
export class Masking {
  readonly #options: MaskingOptions;
  #held: Uint8Array | undefined;
  /** Nothing has been let through yet of a text whose beginning was cut off. */
  #atCut: boolean;
  /** Most bytes that were ever held back. */
  heldBytes = 0;

  constructor(options: MaskingOptions) {
    this.#options = options;
    this.#atCut = options.part;
  }

  /** What may go on; undefined: nothing yet. The chunk itself is left as it is. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    return this.#pass(chunk, false);
  }

  /** The last chunk, and whatever was held back. */
  end(chunk?: Uint8Array): Uint8Array | undefined {
    return this.#pass(chunk, true);
  }

  #pass(chunk: Uint8Array | undefined, final: boolean): Uint8Array | undefined {
    const held = this.#held;
    let text = held === undefined ? chunk : chunk === undefined ? held : Buffer.concat([held, chunk]);
    if (text === undefined) return undefined;
    const { search, part } = this.#options;
    let isOurs = held !== undefined;
    let at = 0;
    let found = this.#atCut ? search.cutBefore(text, final) : 'nothing';
    if (found === 'nothing') found = search.next(text, at, final);
    for (;;) {
      if (found === 'nothing' && final && part) found = search.cutAfter(text, at);
      if (found !== 'needle') break;
      if (!isOurs) text = Buffer.from(text);
      isOurs = true;
      this.#options.onFound(formOf(text.subarray(search.start, search.end), search.needle));
      text.fill(asterisk, search.start, search.end);
      at = search.end;
      found = search.next(text, at, final);
    }
    const upTo = found === 'undecided' ? search.start : text.length;
    // Copied: it would keep the whole chunk alive.
    this.#held = upTo < text.length ? Buffer.from(text.subarray(upTo)) : undefined;
    this.heldBytes = Math.max(this.heldBytes, text.length - upTo);
    if (upTo === 0) return undefined;
    this.#atCut = false;
    return upTo < text.length ? text.subarray(0, upTo) : text;
  }
}

/** A text that is there as a whole, each character a byte; the same one if nothing is in it. */
export function masked(search: Search, text: string, onFound: (form: Form) => void): string {
  if (text.length < search.shortestBytes) return text;
  const bytes = Buffer.from(text, 'latin1');
  let found = false;
  const note = (form: Form): void => {
    found = true;
    onFound(form);
  };
  const out = new Masking({ search, part: false, onFound: note }).end(bytes);
  return found && out !== undefined ? Buffer.from(out).toString('latin1') : text;
}

function formOf(written: Uint8Array, needle: Needle | undefined): Form {
  if (needle?.base64 === true) return 'base64';
  // As long as the needle is it is written plainly, whatever characters it has.
  if (needle === undefined || written.length === needle.text.length) return 'exact';
  return written.includes(0x5c) ? 'json' : written.includes(0x26) ? 'html' : written.includes(0x25) ? 'percent' : 'exact';
}
