import { z } from '../settings.ts';

const dayMs = 86_400_000;

/** The CA that signs for intercepted hosts. */
export const caConfig = z.strictObject({
  directory: z.string().min(1).optional(),
  publish: z.string().min(1).optional(),
});

export type CaConfig = z.output<typeof caConfig>;

export const caDefaults = { lifetimeMs: 365 * dayMs, renewBeforeMs: 60 * dayMs };
