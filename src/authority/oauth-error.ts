/** The status of each error of RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8707 §2 and RFC 7009 §2.2.1 that is answered here. */
const statuses = {
  invalid_request: 400,
  invalid_client: 400,
  invalid_grant: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
} as const;

/** An OAuth request that is refused, as a value. `description` is our own words, in the ASCII subset of RFC 6749 §5.2. */
export interface OAuthError {
  readonly error: keyof typeof statuses;
  readonly description: string;
  readonly status: number;
  /** Value for WWW-Authenticate; goes with 401. */
  readonly challenge?: string;
}

export function oauthError(error: OAuthError['error'], description: string): OAuthError {
  return { error, description, status: statuses[error] };
}

/** `invalid_client` where the client used, or could have used, the Authorization header: 401 with a challenge. */
export function challenged(description: string): OAuthError {
  return { error: 'invalid_client', description, status: 401, challenge: 'Basic realm="exeat authority", Bearer realm="exeat authority"' };
}

export function isOAuthError(value: object): value is OAuthError {
  return 'error' in value && 'description' in value;
}
