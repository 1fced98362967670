/** Has a place in one roster. */
export interface Seated {
  /** The roster's own: nobody else writes it. */
  seat: number;
}

/**
 * Members that come and go with every call; adding and removing are a few stores. Not a Set: V8 replaces the table of a Set that is added to
 * and deleted from every few calls and links the old table to the new one, so once one table is old, every call stays in memory until
 * the next major collection.
 */
export class Roster<T extends Seated> {
  readonly #seats: (T | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(member: T): void {
    member.seat = this.#size;
    this.#seats[this.#size] = member;
    this.#size += 1;
  }

  /** False: it is not in here. The last one takes its seat. */
  delete(member: T): boolean {
    const { seat } = member;
    if (this.#seats[seat] !== member) return false;
    this.#size -= 1;
    const last = this.#seats[this.#size];
    this.#seats[this.#size] = undefined;
    if (last === undefined || last === member) return true;
    last.seat = seat;
    this.#seats[seat] = last;
    return true;
  }

  /** The members of this moment: members may leave while the list is gone through. */
  members(): readonly T[] {
    return this.#seats.filter((member) => member !== undefined);
  }
}
