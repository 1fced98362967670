import type { Target } from '../destination.ts';
import type { Operation } from './operation.ts';

const none: Readonly<Record<string, string>> = Object.freeze({});

/** A CONNECT to a destination that is relayed unread: `crm connect crm.example.com:443`. undefined for one that must be read. */
export function tunnelOperation({ destination, host }: Target): Operation | undefined {
  if (destination.tls !== 'tunnel') return undefined;
  return { action: 'connect', group: 'connect', resource: `${host}:${destination.port}`, templated: false, parameters: none };
}
