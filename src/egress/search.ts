import { longestWay, type Needle } from './needles.ts';

/** What a search found last. `undecided`: there may be one from `start` on, for all that the text so far tells. */
export type Found = 'nothing' | 'needle' | 'undecided';

/** How many needle characters tell a piece that a range has cut off from ordinary text. */
const shortestPiece = 4;

/** More characters of a needle make the filter no better. */
const longestWindow = 24;
const gramBytes = 4;

/**
 * Looks for needles in bytes. The first characters of all needles, so many that each needle has them, are the window. Every way to write a
 * window is at least as long as the window is, so that of four-byte groups at equal distances one lies wholly inside it: looking at these
 * groups alone and comparing them with a table of all groups that a window can hold is what makes the search cheap.
 */
export class Search {
  /** Fewer bytes hold no needle. */
  readonly shortestBytes: number;
  /** Set by `next` and the others: where it begins and ends in the text, and which needle it is. */
  start = 0;
  end = 0;
  needle: Needle | undefined;
  readonly #needles: readonly Needle[];
  readonly #window: number;
  readonly #stride: number;
  readonly #grams = new Uint8Array(1 << 12);
  readonly #firsts = new Uint8Array(256);
  /** Characters of the needle that the last comparison went through. */
  #reached = 0;

  /** At least one needle, none shorter than a group. */
  constructor(needles: readonly Needle[]) {
    this.#needles = needles;
    this.shortestBytes = Math.min(...needles.map(({ text }) => text.length));
    this.#window = Math.min(this.shortestBytes, longestWindow);
    this.#stride = this.#window - gramBytes + 1;
    for (const needle of needles) {
      for (const way of waysAt(needle, 0)) this.#firsts[way.charCodeAt(0)] = 1;
      this.#addGrams(needle);
    }
  }

  /** The first needle at or after `from`. `final`: no more text comes, so that what is cut short is none. Splitting a text changes nothing in what is found. */
  next(text: Uint8Array, from: number, final: boolean): Found {
    const { length } = text;
    const grams = this.#grams;
    const last = length - gramBytes;
    for (let at = from + this.#window - gramBytes; at <= last; at += this.#stride) {
      if (!isAmong(grams, gramAt(text, at))) continue;
      const found = this.#among(text, { from: at - this.#stride + 1, to: at + 1, final });
      if (found !== 'nothing') return found;
    }
    // Here the window would not fit any more, so nothing can be complete.
    return final ? 'nothing' : this.#among(text, { from: Math.max(from, length - this.#window + 1), to: length, final });
  }

  /** The text begins with the rest of a needle whose beginning a range has cut off. */
  cutBefore(text: Uint8Array, final: boolean): Found {
    for (const needle of this.#needles) {
      for (let index = 1; index <= needle.text.length - shortestPiece; index += 1) {
        // The cut may also go through a character that is written in several bytes.
        for (let at = 0; at < longestWay; at += 1) {
          if (at > 0 && !waysAt(needle, index - 1).some((way) => way.length > at && endOf(way.slice(-at), text, 0) !== none)) continue;
          const end = this.#compare(text, at, { needle, index, final: false });
          if (end === none || (end === cutShort && final && this.#reached - index < shortestPiece)) continue;
          return this.#report(0, end === cutShort && final ? text.length : end, needle);
        }
      }
    }
    return 'nothing';
  }

  /** The text ends with the beginning of a needle whose rest a range has cut off. */
  cutAfter(text: Uint8Array, from: number): Found {
    for (let at = from; at < text.length; at += 1) {
      if (this.#firsts[text[at] ?? 0] === 0) continue;
      for (const needle of this.#needles) {
        const end = this.#compare(text, at, { needle, index: 0, final: false });
        if (end === cutShort && this.#reached >= shortestPiece) return this.#report(at, text.length, needle);
      }
    }
    return 'nothing';
  }

  #among(text: Uint8Array, { from, to, final }: { from: number; to: number; final: boolean }): Found {
    const last = text.length - gramBytes;
    for (let at = from; at < to; at += 1) {
      if (this.#firsts[text[at] ?? 0] === 0) continue;
      if (at <= last && !isAmong(this.#grams, gramAt(text, at))) continue;
      for (const needle of this.#needles) {
        const end = this.#compare(text, at, { needle, index: 0, final });
        if (end !== none) return this.#report(at, end, needle);
      }
    }
    return 'nothing';
  }

  #report(start: number, end: number, needle: Needle): Found {
    this.start = start;
    this.end = end;
    this.needle = needle;
    return end === cutShort ? 'undecided' : 'needle';
  }

  /** Where the needle from `index` on ends in the text that it stands in from `at` on. */
  #compare(text: Uint8Array, at: number, from: { needle: Needle; index: number; final: boolean }): number {
    const { needle, final } = from;
    this.#reached = from.index;
    let position = at;
    for (let index = from.index; index < needle.text.length; index += 1) {
      if (index > this.#reached) this.#reached = index;
      const { all, ambiguous } = needle.ways(needle.text.charAt(index));
      let end = none;
      for (const way of all) {
        end = endOf(way, text, position);
        if (end === cutShort && final) end = none;
        // The first way that does not fail in the end is the one, whatever the others would come to.
        if (end >= 0 && ambiguous) end = this.#compare(text, end, { needle, index: index + 1, final });
        else if (end >= 0) break;
        if (end !== none) return end;
      }
      if (end === none) return none;
      position = end;
    }
    return position;
  }

  #addGrams(needle: Needle): void {
    const extend = (text: string, index: number): void => {
      if (text.length >= gramBytes) {
        const gram = gramAt(Buffer.from(text, 'latin1'), 0);
        this.#grams[gram >> 3] = (this.#grams[gram >> 3] ?? 0) | (1 << (gram & 7));
      } else if (index < this.#window) for (const way of waysAt(needle, index)) extend(text + way, index + 1);
    };
    for (let index = 0; index < this.#window; index += 1) {
      for (const way of waysAt(needle, index)) for (let cut = 0; cut < way.length; cut += 1) extend(way.slice(cut), index + 1);
    }
  }
}

const none = -1;
const cutShort = -2;

function endOf(way: string, text: Uint8Array, at: number): number {
  for (let i = 0; i < way.length; i += 1) {
    if (at + i >= text.length) return cutShort;
    if (text[at + i] !== way.charCodeAt(i)) return none;
  }
  return at + way.length;
}

function waysAt({ ways, text }: Needle, index: number): readonly string[] {
  return ways(text.charAt(index)).all;
}

/** Fifteen bits. */
function gramAt(text: Uint8Array, at: number): number {
  const bytes = ((text[at] ?? 0) << 24) | ((text[at + 1] ?? 0) << 16) | ((text[at + 2] ?? 0) << 8) | (text[at + 3] ?? 0);
  return Math.imul(bytes, 0x9e3779b1) >>> 17;
}

function isAmong(grams: Uint8Array, gram: number): boolean {
  return ((grams[gram >> 3] ?? 0) & (1 << (gram & 7))) !== 0;
}
