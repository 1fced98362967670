import { LRUCache } from 'lru-cache';
import type { AuditSink } from '../audit/audit.ts';
import type { InboundCall } from '../call.ts';
import type { Credential } from '../credentials/credential.ts';
import type { Permit } from '../policy/policy.ts';
import type { Form } from './masking.ts';
import { searchFor, type Place } from './reflection.ts';
import type { Search } from './search.ts';

/** How the answer to one call is searched. */
export interface Guard {
  readonly search: Search;
  /** Parts of an answer may be asked for, and passed on: nothing at this destination has echoed. Asked anew when the answer comes. */
  readonly ranges: () => boolean;
  readonly onEcho: (form: Form, place: Place) => void;
}

/** What has echoed a credential. */
export interface Echoes {
  /** undefined: nothing is searched, for there is no credential that could be found, or by `unsafe_reflection`. */
  guard(permit: Permit, credential: Credential | undefined, call: InboundCall): Guard | undefined;
}

/**
 * An echo seen within this time keeps its destination from being read in parts: they could cut the credential in two, and on paths of its own choice
 * an agent would see by the mask which text that it has placed there ends as the credential begins, and so guess it one character at a time.
 */
const remembered = { max: 1000, ttl: 3_600_000 };

/** Each echo is an audit event, one a call. */
export function createEchoes(audit: Pick<AuditSink, 'append'>): Echoes {
  const echoed = new LRUCache<string, true>(remembered);
  return {
    guard(permit, credential, call) {
      const { target, principal } = permit.request;
      if (credential === undefined || target.destination.unsafeReflection) return undefined;
      const search = searchFor(credential);
      if (search === undefined) return undefined;
      const { lease } = credential;
      return {
        search,
        ranges: () => !echoed.has(target.destination.name),
        onEcho(form, place) {
          echoed.set(target.destination.name, true);
          const { id, task, destination, kind: provider } = lease;
          const event = {
            kind: 'credential.reflected',
            call: call.id,
            lease: id,
            task,
            agent: principal.id,
            destination,
            provider,
          } as const;
          // What the log cannot take it counts itself, and the echo is masked all the same.
          Promise.resolve(audit.append({ ...event, form, place })).catch(() => undefined);
        },
      };
    },
  };
}
