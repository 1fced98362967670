import { oauthError } from './oauth-error.ts';
import type { OAuthError } from './oauth-error.ts';

/** The parameters of one request. A parameter without a value counts as not sent (RFC 6749 §3.2). */
export interface Form {
  one(name: string): string | undefined;
  /** For the parameters that may be repeated. */
  many(name: string): readonly string[];
}

const repeatable: ReadonlySet<string> = new Set(['resource', 'audience']);

/** Reads an `application/x-www-form-urlencoded` body strictly: a repeated parameter or a bad escape is an error, never a guess. */
export function parseForm(body: string): Form | OAuthError {
  const values = new Map<string, string[]>();
  for (const pair of body === '' ? [] : body.split('&')) {
    const cut = pair.includes('=') ? pair.indexOf('=') : pair.length;
    const name = decoded(pair.slice(0, cut));
    const value = decoded(pair.slice(cut + 1));
    if (name === undefined || value === undefined) return oauthError('invalid_request', 'the body is not well-formed form data');
    if (value === '') continue;
    const sent = values.get(name);
    if (sent === undefined) values.set(name, [value]);
    else if (repeatable.has(name)) sent.push(value);
    else return oauthError('invalid_request', 'a parameter is repeated');
  }
  return { one: (name) => values.get(name)?.[0], many: (name) => values.get(name) ?? [] };
}

/** One form-encoded name or value; undefined when it cannot be read. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
