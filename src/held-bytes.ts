/** Of messages that are being held, of all calls together. */
const mostOfAll = 256 * 1024 * 1024;
let ofAll = 0;

/** What one call holds of a message before it goes on, counted with what all others hold. */
export class HeldBytes {
  readonly #most: number;
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** So many more, or fewer; undefined: they may be held, else why not. */
  add(bytes: number): 'too large' | 'too many' | undefined {
    this.#bytes += bytes;
    ofAll += bytes;
    if (this.#bytes > this.#most) return 'too large';
    return ofAll > mostOfAll ? 'too many' : undefined;
  }

  /** All of it. Nothing is held that is not released. */
  release(): void {
    ofAll -= this.#bytes;
    this.#bytes = 0;
  }
}
