import type { OAuthError } from './oauth-error.ts';

/** What happened, for logs, tests and the bench. No secret, no token, and no text from outside in it but ids. */
export type AuthorityEvent =
  | {
      readonly type: 'issued';
      readonly jti: string;
      readonly client: string;
      readonly subject: string;
      readonly audience: string;
      readonly scope: string;
      readonly taskId: string | undefined;
      readonly expiresAt: number;
    }
  | { readonly type: 'revoked'; readonly jti: string; readonly by: string; readonly taskId: string | undefined }
  | { readonly type: 'introspected'; readonly by: string; readonly active: boolean; readonly jti: string | undefined }
  | { readonly type: 'refused'; readonly endpoint: string; readonly error: OAuthError['error']; readonly description: string }
  | { readonly type: 'failed'; readonly endpoint: string; readonly message: string }
  | { readonly type: 'rotated'; readonly kid: string };

/** How often each event happened since the start. */
export type Counters = Readonly<Record<AuthorityEvent['type'], number>>;

/** Counts every event and passes it on. */
export function createEvents(listener: ((event: AuthorityEvent) => void) | undefined): {
  readonly emit: (event: AuthorityEvent) => void;
  readonly counters: Counters;
} {
  const counters = { issued: 0, revoked: 0, introspected: 0, refused: 0, failed: 0, rotated: 0 };
  return {
    counters,
    emit: (event) => {
      counters[event.type] += 1;
      listener?.(event);
    },
  };
}
