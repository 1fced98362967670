import { inspectOwnCa } from '../ingress/own-ca.ts';
import { readSecret } from '../settings.ts';
import { problemText } from './problems.ts';
import type { Config } from './schema.ts';

/** What is wrong with the certificates of a CA that was brought along, and what deserves a second look. One that is not here is told as missing elsewhere; the key is not read. */
export function ownCaFindings({ tls: { ca } }: Config, now = Date.now()): { readonly problems: string[]; readonly warnings: string[] } {
  const pem = ca.certificate === undefined ? undefined : readIfThere(ca.certificate);
  if (pem === undefined) return { problems: [], warnings: [] };
  const { problems, warnings } = inspectOwnCa(pem, now);
  return { problems: problems.map(located), warnings: warnings.map(located) };
}

function located(message: string): string {
  return problemText({ path: ['tls', 'ca', 'certificate'], message });
}

function readIfThere(reference: Parameters<typeof readSecret>[0]): string | undefined {
  try {
    return readSecret(reference).reveal();
  } catch {
    return undefined;
  }
}
