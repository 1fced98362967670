import type { PrivilegeEvent } from '../audit/audit.ts';
import { isoOrNull } from '../iso.ts';
import type { PolicyDecisionPoint } from '../policy/policy.ts';
import { childOf } from './json-schema.ts';
import type { Config } from './schema.ts';

/** What a load puts in force, for the audit: configuration, policies, each destination that is only observed, and the unsafe switches by name. */
export function inForce(
  config: Config,
  how: 'loaded at start' | 'reloaded',
  { digest, tried = new Map() }: Pick<PolicyDecisionPoint, 'digest' | 'tried'>,
): PrivilegeEvent[] {
  const kind = 'privilege.changed';
  const unsafe = unsafeIn(config, '');
  return [
    { kind, change: 'config', detail: how },
    { kind, change: 'policy', detail: how, digest },
    ...Object.entries(config.destinations).flatMap(([name, { observe }]) =>
      observe === undefined || observe.until <= Date.now()
        ? []
        : [
            {
              kind,
              change: 'observe',
              detail: `${name}: until ${isoOrNull(observe.until)} what policy denies is forwarded and marked`,
            } as const,
          ],
    ),
    ...[...tried].flatMap(([id, until]) =>
      until <= Date.now()
        ? []
        : [
            {
              kind,
              change: 'observe',
              detail: `policy "${id}": until ${isoOrNull(until)} it is tried out, and what it would change is marked`,
            } as const,
          ],
    ),
    ...(unsafe.length === 0 ? [] : [{ kind, change: 'unsafe', detail: unsafe.join(', ') } as const]),
  ];
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
