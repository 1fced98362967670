import { detailOf, statusOf, type Refusal } from '../../errors.ts';
import type { Telling } from '../message.ts';
import type { ModelApi } from './api.ts';

/** A refusal as the SDKs of this API show one: with its words. */
export function tellRefusal(refusal: Refusal, { api, callId }: { readonly api: ModelApi; readonly callId: string }): Telling {
  const status = statusOf(refusal.refused);
  const message = `Exeat: ${detailOf(refusal)} (${refusal.refused}, call ${callId})`;
  const error =
    api === 'generate' ? { code: status, message, status: refusal.refused } : { type: refusal.refused, message, code: refusal.refused };
  const body = JSON.stringify(api === 'messages' ? { type: 'error', error: { type: refusal.refused, message } } : { error });
  return { status, contentType: 'application/json', body };
}
