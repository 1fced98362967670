import { detailOf, statusOf, type Refusal } from './errors.ts';

/** The body of a refusal (RFC 9457), and its media type. An LLM reads `detail`, so nothing from outside is in it. */
export function problemBody(refusal: Refusal, callId?: string): string {
  return JSON.stringify({
    type: 'about:blank',
    title: titles[statusOf(refusal.refused)] ?? 'Refused by Exeat',
    status: statusOf(refusal.refused),
    code: refusal.refused,
    detail: detailOf(refusal),
    ...(callId === undefined ? {} : { call: callId }),
  });
}

export const problemType = 'application/problem+json';

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  403: 'Refused by Exeat',
  404: 'Not found',
  407: 'A task credential is required',
  409: 'Conflict',
  413: 'Body too large',
  415: 'Not gRPC',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'The destination failed',
  503: 'Not available now',
  504: 'The destination did not answer',
};
