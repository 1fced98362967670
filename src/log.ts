import pino from 'pino';

/** For operators, rare, on stderr; what happened to calls is in the audit log. Never given a secret. */
export interface OperatorLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** `silent` prints nothing. */
export function createLog(level: string): OperatorLog {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { error: describe } },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** Name, message, code and stack: no properties, since a library's error may carry the request it failed at. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  return { name: error.name, message: error.message, ...('code' in error ? { code: error.code } : {}), stack: error.stack };
}
