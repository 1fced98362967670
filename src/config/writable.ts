import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Who "Exeat's user" is, and which group ids belong to nobody else. */
interface Owner {
  readonly uid: number;
  readonly ownGroups: ReadonlySet<number>;
}

const mostLinks = 40;

/**
 * One line for each of these files that someone other than Exeat's user and root can write or put another in its place: by the file's own
 * mode and owner, or by those of a folder or link on its way. A folder stands for itself and the files in it. Files that are missing are judged
 * by the folders that are there. ACLs count as far as they show in the mode.
 */
export function writableByOthers(paths: readonly string[], uid = process.getuid?.()): string[] {
  if (uid === undefined) return [];
  const owner = { uid, ownGroups: groupsWithoutOthers(uid) };
  const files = paths.flatMap((path) => [path, ...entriesOf(path)]);
  return [...new Set(files)].flatMap((path) => {
    const culprit = firstWritable(resolve(path), owner);
    if (culprit === undefined) return [];
    return [culprit.path === resolve(path) ? `${path} ${culprit.why}` : `${path} can be replaced: ${culprit.path} ${culprit.why}`];
  });
}

/** Walks the path as the kernel does, so that each folder and link that leads to the file is looked at. */
function firstWritable(path: string, owner: Owner): { path: string; why: string } | undefined {
  let here = '/';
  let rest = path.split('/').filter((part) => part !== '');
  let links = 0;
  let shared: string | undefined;
  while (links < mostLinks) {
    const found = statOf(here);
    if (found === undefined) return shared === undefined ? undefined : { path: shared, why: 'lets others make it first' };
    if (found.isSymbolicLink()) {
      links += 1;
      if (isForeign(found, owner)) return { path: here, why: foreign(found) };
      const target = resolve(dirname(here), readlinkSync(here));
      rest = [...target.split('/').filter((part) => part !== ''), ...rest];
      here = '/';
      continue;
    }
    const why = writers(found, owner);
    if (why !== undefined) return { path: here, why };
    const next = rest.shift();
    if (next === undefined) return undefined;
    // Only a sticky folder comes this far with these bits.
    shared = (found.mode & 0o022) === 0 ? undefined : here;
    here = join(here, next);
  }
  return { path, why: 'is a loop of links' };
}

function writers(found: Stats, owner: Owner): string | undefined {
  if (isForeign(found, owner)) return foreign(found);
  // In a sticky folder only the owner of a file can replace it, and the file's own owner is looked at too.
  if (found.isDirectory() && (found.mode & 0o1000) !== 0) return undefined;
  const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
  if ((found.mode & 0o002) !== 0) return `is writable by everyone (mode ${mode})`;
  if ((found.mode & 0o020) !== 0 && !owner.ownGroups.has(found.gid)) return `is writable by group ${found.gid} (mode ${mode})`;
  return undefined;
}

function isForeign(found: Stats, owner: Owner): boolean {
  return found.uid !== owner.uid && found.uid !== 0;
}

function foreign(found: Stats): string {
  return `belongs to user ${found.uid}`;
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path)
      .sort()
      .map((name) => join(path, name));
  } catch {
    return [];
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Groups in /etc/group without a member but this user and root; by them nobody else can write (the usual private group of a user). */
function groupsWithoutOthers(uid: number): Set<number> {
  const users = table('/etc/passwd').map(([name = '', , id, group]) => ({ name, uid: Number(id), gid: Number(group) }));
  const trusted = new Set(users.filter((user) => user.uid === uid || user.uid === 0).map(({ name }) => name));
  const alone = table('/etc/group').filter(([, , group, members = '']) => {
    const listed = members.split(',').filter((member) => member !== '');
    const primary = users.filter((user) => user.gid === Number(group)).map(({ name }) => name);
    return [...listed, ...primary].every((member) => trusted.has(member));
  });
  return new Set(alone.map(([, , group]) => Number(group)));
}

function table(path: string): string[][] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}
