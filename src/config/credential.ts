import { date, secretReference, z } from '../settings.ts';

const tokenExchange = z.strictObject({
  kind: z.literal('token-exchange'),
  audience: z.string().min(1),
  resource: z.string().optional(),
  scope: z.string().optional(),
});

const dated = z.strictObject({
  kind: z.literal('static'),
  header: z.string().min(1),
  value: secretReference,
  expires: date,
  reason: z.string().min(1),
});

export const credentialConfig = z.discriminatedUnion('kind', [tokenExchange, dated]);
