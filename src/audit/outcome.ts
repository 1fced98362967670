import { ExeatError } from '../errors.ts';

/** Why an event could not be made durable, whatever the file system called it. */
export function unavailable(error: unknown): ExeatError {
  if (error instanceof ExeatError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ExeatError('audit_unavailable', `the audit log cannot be written: ${message}`, { cause: error });
}

/** Whoever records the end of access does not wait for the disk; that must not become an unhandled rejection. */
export function quietWaiter(): PromiseWithResolvers<void> {
  const waiter = Promise.withResolvers<void>();
  waiter.promise.catch(() => undefined);
  return waiter;
}

export function quietRejection(error: Error): Promise<void> {
  const waiter = quietWaiter();
  waiter.reject(error);
  return waiter.promise;
}
