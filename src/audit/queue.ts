import type { AuditEvent, GapEvent } from './audit.ts';
import { shareOf, shares } from './shares.ts';
import type { Entry } from './writer.ts';

/** Events that cannot be linked yet because the log is being written or has failed, as many as there is room for, and the count of those that are lost. */
export class Queue {
  readonly #limit: number;
  readonly #heldBytes: () => number;
  #entries: Entry[] = [];
  #size = 0;
  #lost = 0;

  /** `limit`: characters of JSON, together with what the writer holds. */
  constructor(limit: number, heldBytes: () => number) {
    this.#limit = limit;
    this.#heldBytes = heldBytes;
  }

  get length(): number {
    return this.#entries.length;
  }

  get lost(): number {
    return this.#lost;
  }

  hasRoom(json: string): boolean {
    return this.#fits(json, shares.admitting);
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#size += entry.json.length;
  }

  /** Where an ordinary event has no room any more: those that have room reserved are pushed while it lasts, all else is lost. */
  keep(event: AuditEvent, entry: Entry): void {
    const share = shareOf(event);
    if (share > shares.admitting && this.#fits(entry.json, share)) this.push(entry);
    else this.lose(event);
  }

  lose(event: AuditEvent): void {
    this.#lost += event.kind === 'call.refused' ? event.count : 1;
  }

  /** What could not be written comes first again; a gap among it counts anew, for there will be another. */
  putBack(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.lost === undefined) this.#size += entry.json.length;
      else this.#lost += entry.lost;
    }
    this.#entries = [...entries.filter((entry) => entry.lost === undefined), ...this.#entries];
  }

  /** Says first that something is missing: what was counted as lost, and `more`. */
  addGap(time: number, reason: string, more = 0): void {
    const lost = this.#lost + more;
    const event: GapEvent = { kind: 'gap', reason, lost };
    this.#entries.unshift({ time, json: JSON.stringify(event), lost });
    this.#lost = 0;
  }

  take(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#size = 0;
    return entries;
  }

  #fits(json: string, share: number): boolean {
    return this.#heldBytes() + this.#size + json.length <= this.#limit * share;
  }
}
