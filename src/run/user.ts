import { readPlainFile } from '../plain-file.ts';

/** Another user of this machine. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

const largestTableBytes = 16 * 1024 ** 2;

/** By name or number, from /etc/passwd. Throws when there is none, or it would be no other one than root. */
export function userNamed(name: string): User {
  const lines = readPlainFile('/etc/passwd', largestTableBytes).toString().split('\n');
  const found = lines.map((line) => line.split(':')).find(([each, , uid]) => each !== '' && (each === name || uid === name));
  if (found === undefined) throw new Error(`there is no user "${name}" in /etc/passwd`);
  const [known = '', , uid, gid, , home = '/', shell = '/bin/sh'] = found;
  if (Number(uid) === 0) throw new Error('--user root would keep nothing from the command');
  return { name: known, uid: Number(uid), gid: Number(gid), home, shell };
}

/** Sessions, agents and folders of whoever called us are not that user's. */
const ofTheCaller = /^(?:XDG_|DBUS_|SUDO_)|^(?:SSH_AUTH_SOCK|SSH_AGENT_PID|GPG_AGENT_INFO|KRB5CCNAME|MAIL|OLDPWD)$/;

/** What an environment is for that user. */
export function environmentFor({ name, home, shell }: User, variables: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const rest = Object.entries(variables).filter(([variable]) => !ofTheCaller.test(variable));
  return { ...Object.fromEntries(rest), USER: name, LOGNAME: name, HOME: home, SHELL: shell };
}
