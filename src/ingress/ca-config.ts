import { isAbsolute, relative, resolve } from 'node:path';
import { longDuration, secretReference, z } from '../settings.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Of a CA that Exeat makes, unless the configuration says otherwise. */
const lifetimeMs = 365 * dayMs;
const renewBeforeMs = 60 * dayMs;

const folder = z.string().min(1);

/** `tls.ca`: who signs for the hosts whose calls are intercepted. A CA that Exeat makes, or `certificate` and `key`. */
export const caConfig = z
  .strictObject({
    directory: folder.optional().meta({
      description:
        'where the CA that Exeat makes is kept with its key, which the agent must never see; unless said, in tasks.state where that is given, else /run/exeat/ca for root and the XDG state folder for others',
    }),
    publish: folder.optional().meta({
      description:
        'where ca.pem, bundle.pem and bundle.p12 are put, for the agent to mount read-only; unless said, in tasks.state where that is given, else /run/exeat-ca for root and the XDG state folder for others',
    }),
    lifetime: longDuration.optional().meta({ description: 'of a CA that Exeat makes; 365d unless said' }),
    renew_before: longDuration
      .optional()
      .meta({ description: "when its successor is made and published, before the CA's end; 60d unless said" }),
    certificate: secretReference.optional().meta({ description: 'a CA of your own, in PEM; then who issued it, up to the root' }),
    key: secretReference.optional().meta({ description: 'the key of the first certificate: EC or RSA, in PEM' }),
  })
  .superRefine((ca, context) => {
    for (const { path, message } of problemsOf(ca)) context.addIssue({ code: 'custom', path: [path], message });
  });

export type CaConfig = z.output<typeof caConfig>;

export interface CaFolders {
  /** The CA with its key. */
  readonly directory: string;
  /** What everybody may read. */
  readonly publish: string;
}

/** What is wrong between the two: whoever mounts the published folder must not get the key with it. */
export function folderProblem({ directory, publish }: CaFolders): string | undefined {
  if (within(publish, directory)) return `is inside ${directory}, which only Exeat can read`;
  return within(directory, publish) ? `holds ${directory}, so whoever mounts it gets the key of the CA` : undefined;
}

export function timesOf({ lifetime = lifetimeMs, renew_before: renewBefore }: CaConfig): { lifetimeMs: number; renewBeforeMs: number } {
  return { lifetimeMs: lifetime, renewBeforeMs: renewBefore ?? Math.min(renewBeforeMs, lifetime / 2) };
}

function problemsOf(ca: CaConfig): { readonly path: keyof CaConfig; readonly message: string }[] {
  if (ca.certificate !== undefined || ca.key !== undefined) {
    if (ca.certificate === undefined) return [{ path: 'certificate', message: 'is required with "key"' }];
    if (ca.key === undefined) return [{ path: 'key', message: 'is required with "certificate"' }];
    const idle = (['directory', 'lifetime', 'renew_before'] as const).filter((name) => ca[name] !== undefined);
    return idle.map((path) => ({ path, message: 'is for the CA that Exeat makes; with "certificate" there is none' }));
  }
  const times = timesOf(ca);
  if (times.lifetimeMs < dayMs) return [{ path: 'lifetime', message: 'expected at least 1d' }];
  if (times.renewBeforeMs < hourMs) return [{ path: 'renew_before', message: 'expected at least 1h' }];
  return times.renewBeforeMs >= times.lifetimeMs ? [{ path: 'renew_before', message: 'must be less than "lifetime"' }] : [];
}

function within(inner: string, outer: string): boolean {
  const way = relative(resolve(outer), resolve(inner));
  return !way.startsWith('..') && !isAbsolute(way);
}
