import type { ResourceConfig } from './config.ts';
import type { Form } from './form.ts';
import { oauthError } from './oauth-error.ts';
import type { OAuthError } from './oauth-error.ts';

const tokenType = 'urn:ietf:params:oauth:token-type:';
const accepted: ReadonlySet<string> = new Set([`${tokenType}access_token`, `${tokenType}jwt`]);
const label = /^[\x21-\x7e]{1,256}$/;
const scopeText = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/;

type TokenKind = 'access_token' | 'jwt';

/** A token as it was sent with its declared type. */
export interface TypedToken {
  readonly token: string;
  readonly kind: TokenKind;
}

/** The parameters of a token exchange (RFC 8693 §2.1) after all that can be checked without looking at a token. */
export interface ExchangeRequest {
  readonly subject: TypedToken;
  readonly actor: TypedToken | undefined;
  /** The one resource the token is for: a key of the configured resources. */
  readonly audience: string;
  readonly resource: ResourceConfig;
  /** undefined = none was asked for. */
  readonly scope: readonly string[] | undefined;
  readonly issuedTokenType: string;
  readonly taskId: string | undefined;
  readonly intent: string | undefined;
}

/** Reads a token exchange; refuses unknown resources and scopes the resource does not have. */
export function readExchangeRequest(form: Form, resources: Readonly<Record<string, ResourceConfig>>): ExchangeRequest | OAuthError {
  const subject = typedToken(form, 'subject_token');
  if (subject === undefined) return oauthError('invalid_request', 'subject_token and subject_token_type are needed');
  if ('error' in subject) return subject;
  const actor = typedToken(form, 'actor_token');
  if (actor !== undefined && 'error' in actor) return actor;

  const issuedTokenType = form.one('requested_token_type') ?? `${tokenType}access_token`;
  if (!accepted.has(issuedTokenType)) return oauthError('invalid_request', 'requested_token_type is not one that is issued here');

  const [taskId, intent] = [form.one('task_id'), form.one('intent')];
  if ([taskId, intent].some((value) => value !== undefined && !label.test(value))) {
    return oauthError('invalid_request', 'task_id and intent are up to 256 visible ASCII characters');
  }

  const target = targetOf(form, resources);
  if ('error' in target) return target;
  const scope = scopeOf(form.one('scope'), target.resource);
  if (scope !== undefined && 'error' in scope) return scope;
  return { subject, actor, ...target, scope, issuedTokenType, taskId, intent };
}

/** Both parameters or neither; undefined for neither. */
function typedToken(form: Form, name: 'subject_token' | 'actor_token'): TypedToken | OAuthError | undefined {
  const [token, type] = [form.one(name), form.one(`${name}_type`)];
  if (token === undefined && type === undefined) return undefined;
  if (token === undefined || type === undefined) return oauthError('invalid_request', `${name} and ${name}_type go together`);
  if (!accepted.has(type)) return oauthError('invalid_request', `this ${name}_type is not accepted here`);
  return { token, kind: type.slice(tokenType.length) as TokenKind };
}

function targetOf(
  form: Form,
  resources: Readonly<Record<string, ResourceConfig>>,
): { readonly audience: string; readonly resource: ResourceConfig } | OAuthError {
  const uris = form.many('resource');
  if (uris.some((uri) => !URL.canParse(uri) || uri.includes('#'))) {
    return oauthError('invalid_target', 'resource has to be an absolute URI without fragment');
  }
  const [audience, ...others] = new Set([...uris, ...form.many('audience')]);
  if (audience === undefined) return oauthError('invalid_target', 'a resource or audience is needed');
  if (others.length > 0) return oauthError('invalid_target', 'one token is for one resource: ask for each in turn');
  const resource = Object.hasOwn(resources, audience) ? resources[audience] : undefined;
  return resource === undefined ? oauthError('invalid_target', 'this resource is not known here') : { audience, resource };
}

function scopeOf(text: string | undefined, resource: ResourceConfig): readonly string[] | OAuthError | undefined {
  if (text === undefined) return undefined;
  if (!scopeText.test(text)) return oauthError('invalid_scope', 'scope is malformed');
  const asked = [...new Set(text.split(' '))];
  if (asked.every((scope) => resource.scopes.includes(scope))) return asked;
  return oauthError('invalid_scope', 'a scope goes beyond what this resource has');
}
