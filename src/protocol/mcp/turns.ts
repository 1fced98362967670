/** Steps one after the other: what is being decided holds up what comes behind it. Rejects nothing; a step that fails is told of. */
export class Turns {
  readonly #told: { readonly failed: () => void; readonly done: () => void };
  #last: Promise<void> | undefined;
  #waiting = 0;

  /** `done`: told each time that no step waits any more. */
  constructor(told: { readonly failed: () => void; readonly done: () => void }) {
    this.#told = told;
  }

  get idle(): boolean {
    return this.#waiting === 0;
  }

  take(step: () => void | Promise<void>): void {
    this.#waiting += 1;
    this.#last = this.#after(this.#last, step);
  }

  async #after(earlier: Promise<void> | undefined, step: () => void | Promise<void>): Promise<void> {
    await earlier;
    try {
      await step();
    } catch {
      this.#told.failed();
    }
    this.#waiting -= 1;
    if (this.idle) this.#told.done();
  }
}
