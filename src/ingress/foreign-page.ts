import type { Door } from '../call.ts';
import type { TargetContext } from './target.ts';

/** What browsers say of the page that a request comes from. */
export interface PageFields {
  origin: string | undefined;
  fetchSite: string | undefined;
}

/** Browsers name the page's origin (RFC 6454 §7) but for a mere GET, where `Sec-Fetch-Site` tells on a route, a loopback address; through a proxy that says nothing. */
export function isForeignPage({ origin, fetchSite }: PageFields, door: Door, { ownAuthorities }: TargetContext): boolean {
  if (origin !== undefined && !(origin.startsWith('http://') && ownAuthorities.has(origin.slice('http://'.length)))) return true;
  return door === 'route' && fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none';
}
