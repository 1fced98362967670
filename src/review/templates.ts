import { operations } from '../config/operations.ts';
import { messageActions } from '../protocol/operation.ts';
import type { Group } from './suggest.ts';

/** So many paths make a family. */
const fewest = 3;

/** Templates for paths that differ in segments that look like ids only, by destination. */
export function templatesFor(groups: readonly Group[]): ReadonlyMap<string, readonly string[]> {
  const families = new Map<string, Map<string, Set<string>>>();
  for (const { destination, action, resources, templates } of groups) {
    if (messageActions.has(action) || action === 'connect' || destination.protocol === 'grpc') continue;
    for (const path of resources.keys()) {
      const template = templateOf(path);
      if (templates.has(path) || template === path || !isTaken(template)) continue;
      const of = families.get(destination.name) ?? new Map<string, Set<string>>();
      families.set(destination.name, of.set(template, (of.get(template) ?? new Set()).add(path)));
    }
  }
  const worth = [...families].map(([name, of]) => [name, worthwhile(of)] as const);
  return new Map(worth.filter(([, templates]) => templates.length > 0));
}

function worthwhile(families: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  return [...families].filter(([, paths]) => paths.size >= fewest).map(([template]) => template);
}

/** Numbers, hexadecimal digests, UUIDs, and what has a number behind letters: `ISSUE-12`. */
const idLike = /^(?:\d+|(?=[^\d]*\d)[0-9a-f]{8,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[a-z]+[_-]\d[\w-]*)$/i;

/** Each id is named after what stands before it: `/users/7` is `/users/{user}`. */
function templateOf(path: string): string {
  const taken = new Set<string>();
  const segments = path.split('/');
  const named = segments.map((segment, index) => {
    if (!idLike.test(segment)) return segment;
    const before = /^[A-Za-z_]\w*$/.exec(segments[index - 1] ?? '')?.[0] ?? 'id';
    const name = before.length > 3 && before.endsWith('s') ? before.slice(0, -1) : before;
    let free = name;
    for (let n = 2; taken.has(free); n += 1) free = `${name}${n}`;
    taken.add(free);
    return `{${free}}`;
  });
  return named.join('/');
}

/** As `operations` of a configuration. */
function isTaken(template: string): boolean {
  return operations.safeParse([template]).success;
}
