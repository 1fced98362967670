import { randomBytes } from 'node:crypto';

/** An unguessable, URL-safe id: `prefix_` and 128 random bits. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(16).toString('hex')}`;
}

const processPart = randomBytes(6).toString('hex');
let callsSoFar = 0;

/** A call id: unique, cheap, ordered within one process, not secret. */
export function newCallId(): string {
  callsSoFar += 1;
  return `call_${processPart}_${callsSoFar.toString(36)}`;
}
