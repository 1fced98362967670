import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const suffix = '.test.ts';

/** The suites of a folder by name: `NAME.test.ts`, or a folder NAME with such files in it. */
export function findSuites(folder: string): ReadonlyMap<string, readonly string[]> {
  const suites = new Map<string, readonly string[]>();
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory() && entry.name.endsWith(suffix)) suites.set(entry.name.slice(0, -suffix.length), [path]);
    const inside = entry.isDirectory() ? readdirSync(path).filter((name) => name.endsWith(suffix)) : [];
    if (inside.length > 0)
      suites.set(
        entry.name,
        inside.sort().map((name) => join(path, name)),
      );
  }
  return suites;
}
