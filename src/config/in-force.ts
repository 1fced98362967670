import type { PrivilegeEvent } from '../audit/audit.ts';
import { isoOrNull } from '../iso.ts';
import type { PolicyDecisionPoint } from '../policy/policy.ts';
import { childOf } from './json-schema.ts';
import type { Config } from './schema.ts';

/** What a load puts in force, for the audit: configuration, policies, each destination that is only observed, and the unsafe switches by name. */
export function inForce(config: Config, how: 'loaded at start' | 'reloaded', policy: Policy): PrivilegeEvent[] {
  const unsafe = unsafeIn(config, '');
  const observed = Object.entries(config.destinations).flatMap(([name, { observe }]) =>
    observe === undefined
      ? []
      : observedUntil(observe.until, (date) => `${name}: until ${date} what policy denies is forwarded and marked`),
  );
  return [
    { kind, change: 'config', detail: how },
    ...policyInForce(how, policy),
    ...observed,
    ...(unsafe.length === 0 ? [] : [{ kind, change: 'unsafe', detail: unsafe.join(', ') } as const]),
  ];
}

type Policy = Pick<PolicyDecisionPoint, 'digest' | 'revision' | 'tried'>;

/** The part of it that policies are, which a newer bundle replaces by itself. */
export function policyInForce(how: string, { digest, revision, tried = new Map() }: Policy): PrivilegeEvent[] {
  return [
    { kind, change: 'policy', detail: revision === undefined ? how : `${how}: ${revision}`, digest },
    ...[...tried].flatMap(([id, until]) =>
      observedUntil(until, (date) => `policy "${id}": until ${date} it is tried out, and what it would change is marked`),
    ),
  ];
}

const kind = 'privilege.changed';

function observedUntil(until: number, detail: (date: string | null) => string): PrivilegeEvent[] {
  return until <= Date.now() ? [] : [{ kind, change: 'observe', detail: detail(isoOrNull(until)) }];
}

/** Paths of the `unsafe_…` keys that are set to something. */
function unsafeIn(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const inside = childOf(value, key);
    if (!key.startsWith('unsafe_')) return unsafeIn(inside, `${path}${key}.`);
    const isSet = Array.isArray(inside) ? inside.length > 0 : inside === true;
    return isSet ? [path + key] : [];
  });
}
