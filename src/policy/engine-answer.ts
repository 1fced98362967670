import type { AccessRequest, Decision } from './policy.ts';
import { groupOf, isAction } from './schema.ts';

/** What an engine may say besides yes and no: OPA as members of its result, an AuthZEN PDP in the answer's `context`. All of it optional. */
export type Said = Readonly<Record<string, unknown>>;

/** Longest text of an engine's that is kept, and the most such texts. */
const mostCharacters = 128;
const mostTexts = 16;

/**
 * An engine's answer as a decision. Nothing but the boolean `true` allows; an obligation that cannot be carried out here denies; and what
 * creates standing access needs `mint: true` besides, so that a rule over all actions does not permit it unawares.
 */
export function decisionOf(request: AccessRequest, allow: unknown, said: Said): Decision {
  if (typeof allow !== 'boolean')
    return failed(`the engine answered ${typeof allow === 'object' ? 'an object' : typeof allow} for yes or no`);
  const id = textOf(said['id'] ?? said['decision_id']);
  const policies = textsOf(said['policies']);
  const known = { policies, ...(id !== undefined && { id }) };
  if (!allow) return { allow, ...known };
  if (request.operation.group === 'mint' && said['mint'] !== true) return { allow: false, ...known };
  const obligations = said['obligations'] ?? [];
  if (!Array.isArray(obligations)) return failed('the engine answered with obligations that are no list');
  const unknown = obligations.find((each) => typeOf(each) !== 'approval');
  if (unknown !== undefined)
    return failed(`the engine asks for what cannot be done here: ${typeOf(unknown) ?? 'an obligation without type'}`);
  const [first] = obligations as readonly Said[];
  if (first === undefined) return { allow, ...known };
  return { allow, ...known, approval: { rule: textOf(first['id']) ?? policies[0] ?? 'approval' } };
}

export function failed(error: string): Decision {
  return { allow: false, policies: [], error };
}

/** What no engine is asked: methods that policy does not know are denied, and an operation that contradicts itself is a failure. */
export function unasked({ operation: { action, group } }: AccessRequest): Decision | undefined {
  if (isAction(group)) return undefined;
  const known = groupOf(action);
  if (known === undefined) return { allow: false, policies: [] };
  return known === group ? undefined : failed(`${action} is in the group ${known}, not ${group}`);
}

/** How long an allow may be kept: as configured, or shorter where the engine says so. */
export function lifetimeMs(mostMs: number, { ttl_ms: said }: Said): number {
  if (said === undefined) return mostMs;
  return typeof said === 'number' && said >= 0 ? Math.min(mostMs, said) : 0;
}

export function isObject(value: unknown): value is Said {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(obligation: unknown): string | undefined {
  return isObject(obligation) ? textOf(obligation['type']) : undefined;
}

function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, mostTexts)
    .map(textOf)
    .filter((text) => text !== undefined);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, mostCharacters).toWellFormed() : undefined;
}
