import { z } from 'zod';
import { readPlainFile } from './plain-file.ts';
import { Secret } from './secret.ts';

export { z };

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const unitBytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** A duration such as `250ms`, `30s`, `15m`, `1h`, `2d`, parsed to milliseconds, that a timer can wait for. The only place where durations are parsed. */
export const duration = durationUpTo(2 ** 31 - 1, 'expected at most 24d');

/** As `duration`, for what no timer waits for: up to ten years. */
export const longDuration = durationUpTo(3650 * unitMs.d, 'expected at most 3650d');

/** A size such as `512KiB` or `1MiB`, parsed to bytes. */
export const size = z
  .string('expected a size such as 64KiB or 1MiB')
  .regex(/^\d+(B|KiB|MiB|GiB)$/, 'expected a size such as 64KiB or 1MiB')
  .transform((text) => scaled(text, unitBytes));

/** A calendar day, `2027-01-31`, parsed to the epoch (ms) at which that day ends in UTC. */
export const date = z.iso.date('expected a date such as 2027-01-31').transform((text) => Date.parse(`${text}T00:00:00Z`) + unitMs.d);

/** Where a secret is: never the secret itself. */
export const secretReference = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })], {
  error: 'a secret is given by reference: { file: PATH } or { env: NAME }',
});

export type SecretReference = z.output<typeof secretReference>;

const largestSecretBytes = 64 * 1024;

/** Reads a secret by its reference; one trailing newline is not part of it. Throws, naming the reference, when it is missing or empty. */
export function readSecret(reference: SecretReference): Secret {
  const name = 'file' in reference ? reference.file : `$${reference.env}`;
  const text = 'file' in reference ? readPlainFile(reference.file, largestSecretBytes).toString() : process.env[reference.env];
  const value = text?.replace(/\r?\n$/, '');
  if (value === undefined || value === '') throw new Error(`the secret at ${name} is missing or empty`);
  return new Secret(value);
}

function durationUpTo(mostMs: number, tooMuch: string) {
  const wrong = 'expected a duration such as 30s, 15m or 1h';
  return z
    .string(wrong)
    .regex(/^\d+(ms|s|m|h|d)$/, wrong)
    .transform((text) => scaled(text, unitMs))
    .pipe(z.number().int().max(mostMs, tooMuch));
}

function scaled(text: string, units: Readonly<Record<string, number>>): number {
  const number = /^\d+/.exec(text)?.[0] ?? '0';
  return Number(number) * (units[text.slice(number.length)] ?? Number.NaN);
}
