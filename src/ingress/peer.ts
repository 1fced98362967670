import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { endianness } from 'node:os';
import type { Bound } from '../call.ts';
import { addressBytes } from './der.ts';

/** A listener that is a task: what comes in there needs no credential, and none is taken. */
export interface BoundListener {
  /** Id of the task that it is now. */
  readonly task: () => string;
  /** The user whose processes may connect; undefined where others cannot reach it. Checked on Linux. */
  readonly uid: number | undefined;
}

/** Tells for each connection to this listener what it is bound to. The peer is looked up once a connection. */
export function createBinding({ task, uid }: BoundListener): (socket: Socket) => Bound {
  const strangers = new WeakMap<Socket, boolean>();
  const check = uid !== undefined && process.platform === 'linux';
  return (socket) => {
    let stranger = check ? strangers.get(socket) : false;
    if (stranger === undefined) strangers.set(socket, (stranger = peerUid(socket) !== uid));
    return { task: task(), stranger };
  };
}

/** Whose process is at the other end of a connection within this host; undefined when that cannot be told. Linux only. */
function peerUid({ localAddress, localPort, remoteAddress, remotePort }: Socket): number | undefined {
  if (localAddress === undefined || localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
  const [here, there] = [plain(localAddress), plain(remoteAddress)];
  const own = `: ${endpoint(there, remotePort)} ${endpoint(here, localPort)} `;
  const mapped = `: ${mappedPrefix}${endpoint(there, remotePort)} ${mappedPrefix}${endpoint(here, localPort)} `;
  // A client may use an IPv6 socket for an IPv4 address, as Java does.
  return there.includes(':') ? ownerIn('tcp6', own) : (ownerIn('tcp', own) ?? ownerIn('tcp6', mapped));
}

function ownerIn(table: 'tcp' | 'tcp6', connection: string): number | undefined {
  const text = tableText(table);
  const at = text.indexOf(connection);
  if (at === -1) return undefined;
  const [, , , , uid, , inode] = text.slice(at + connection.length, text.indexOf('\n', at)).split(/ +/);
  // A socket that nobody holds any more has no inode, and a uid that means nothing.
  return inode === undefined || inode === '0' ? undefined : Number(uid);
}

function tableText(table: string): string {
  try {
    return readFileSync(`/proc/self/net/${table}`, 'latin1');
  } catch {
    return '';
  }
}

/** As the kernel writes them there: words of four bytes in the order of the machine, the port as it is. */
function endpoint(address: string, port: number): string {
  return `${words(addressBytes(address))}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function words(bytes: Buffer): string {
  return (endianness() === 'LE' ? Buffer.from(bytes).swap32() : bytes).toString('hex').toUpperCase();
}

const mappedPrefix = words(Buffer.from('00000000000000000000ffff', 'hex'));

function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
