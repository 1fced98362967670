const usualBytes = 128 * 1024;
const keptBytes = 1024 * 1024;
const lineFeed = 10;

/**
 * Lines on their way to the disk, as bytes. Off V8's heap: as strings they would outlive a young collection or two and be copied by each, which costs
 * more than making them.
 */
export class Page {
  #bytes = Buffer.allocUnsafeSlow(usualBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All of it. Valid until the next line. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds a line: `head` stands in the place of the opening brace of `json`. Returns its bytes without the line feed, valid until the next line. */
  addLine(head: string, json: string): Buffer {
    this.#makeRoom(head.length + json.length * 3);
    const from = this.#length;
    const at = from + head.length - 1;
    const to = at + this.#bytes.write(json, at);
    this.#bytes.write(head, from, 'latin1');
    this.#bytes[to] = lineFeed;
    this.#length = to + 1;
    return this.#bytes.subarray(from, to);
  }

  /** Ends the line that the file before it was left with. */
  addLineFeed(): void {
    this.#makeRoom(1);
    this.#bytes[this.#length] = lineFeed;
    this.#length += 1;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafeSlow(usualBytes);
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
