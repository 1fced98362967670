import { duration, secretReference, z } from '../settings.ts';

/** Where approvers are told of new questions. */
const webhookConfig = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).meta({ examples: ['https://chat.example.com/hooks/approvals'] }),
    secret: secretReference.meta({ description: 'signs each message (Standard Webhooks, HMAC-SHA256)' }),
    allow_private: z.boolean().default(false),
    ca: z.string().min(1).optional().meta({ description: 'PEM file of roots to trust beside the public ones' }),
    unsafe_cleartext: z.boolean().default(false).meta({ description: 'http, to loopback only' }),
  })
  .refine(({ url, unsafe_cleartext: cleartext }) => url.startsWith('https:') || cleartext, {
    path: ['url'],
    error: 'must be https; http only to loopback, with unsafe_cleartext: true',
  });

/** The `approvals:` key: what becomes of calls that policy lets go only after someone's yes. */
export const approvalsConfig = z.strictObject({
  hold: duration
    .prefault('0s')
    .meta({ description: 'how long a call waits for the answer; 0s: it is refused at once, with a handle, and may be repeated' }),
  max_held: z.number().int().nonnegative().max(10_000).default(100),
  pending_for: duration.prefault('15m').meta({ description: 'how long a question stays open, and a no stands' }),
  grant_for: duration.prefault('5m').meta({ description: 'how long a yes stands, unless the approver says otherwise' }),
  webhook: webhookConfig.optional(),
});

export type ApprovalsConfig = z.output<typeof approvalsConfig>;
export type WebhookConfig = z.output<typeof webhookConfig>;
