import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { readSecret } from '../settings.ts';
import type { ApprovalView } from './approval.ts';
import type { WebhookConfig } from './approval-settings.ts';

export interface WebhookOptions {
  readonly settings: Pick<WebhookConfig, 'url' | 'secret'>;
  /** Through the guard that all connections of ours go through. */
  readonly fetch: (url: string, init: object) => Promise<Response>;
  readonly warn: (message: string) => void;
}

/** Waits between attempts; then it is given up, and the question stays in the list. */
const waitsMs = [1000, 5000, 30_000];
const attemptMs = 10_000;

/** Tells an approvers' endpoint of one question, without its arguments (Standard Webhooks 1.0: `id.timestamp.body` under HMAC-SHA256). Never throws. */
export async function tellApprovers(approval: ApprovalView, { settings, fetch, warn }: WebhookOptions): Promise<void> {
  const { shown: _unsaid, ...data } = approval;
  const body = JSON.stringify({ type: 'approval.requested', timestamp: approval.asked_at, data });
  for (const waitMs of [0, ...waitsMs]) {
    try {
      if (waitMs > 0) await pause(waitMs, undefined, { ref: false });
      const headers = { 'content-type': 'application/json', ...signed(approval.id, body, readSecret(settings.secret).reveal()) };
      const answer = await fetch(settings.url, { method: 'POST', headers, body, signal: AbortSignal.timeout(attemptMs) });
      await answer.body?.cancel();
      if (answer.ok) return;
      warn(`the approvals webhook answered ${answer.status}`);
    } catch (error) {
      warn(`the approvals webhook cannot be reached: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function signed(id: string, body: string, secret: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
