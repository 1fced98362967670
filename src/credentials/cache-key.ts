import type { Permit } from '../policy/policy.ts';
import type { CredentialProvider } from './credential.ts';

/**
 * Everything that makes two credentials differ, in one string. Each part goes in with its length before it, so that no two lists
 * of parts have the same key.
 */
export function cacheKey({ request }: Permit, provider: CredentialProvider, inputs: readonly string[]): string {
  const { task, principal, target } = request;
  const { name, scheme, hosts, port } = target.destination;
  const parts = [
    task.id,
    task.agent,
    task.subject === undefined ? '0' : `1${task.subject}`,
    principal.id,
    provider.kind,
    name,
    scheme,
    String(port),
  ];
  return [...parts, String(hosts.length), ...hosts, ...inputs].map((part) => `${part.length}:${part}`).join('');
}
