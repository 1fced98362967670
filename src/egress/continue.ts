type HeadersComplete = (status: number, upgrade: boolean, keepAlive: boolean) => number;

let done = false;

/**
 * undici 8 breaks a connection on which a 100 (Continue) comes that it did not ask for, and with it a call that may have been carried out; RFC 9110
 * §15.2 has it ignored. It cannot be told to, so its parser is made to take a 100 for another 1xx; one that is built otherwise is left alone.
 */
export function ignoreContinue(socket: object): void {
  if (done) return;
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser');
  const parser: unknown = key === undefined ? undefined : Reflect.get(socket, key);
  if (typeof parser !== 'object' || parser === null) return;
  done = true;
  const prototype: object | null = Object.getPrototypeOf(parser);
  if (prototype === null || !('onHeadersComplete' in prototype) || typeof prototype.onHeadersComplete !== 'function') return;
  const original = prototype.onHeadersComplete as HeadersComplete;
  prototype.onHeadersComplete = function (this: object, status, upgrade, keepAlive) {
    return original.call(this, status === 100 ? 102 : status, upgrade, keepAlive);
  } satisfies HeadersComplete;
}
