import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

// A process of its own, as root in new network and mount namespaces: `unshare --net --mount -- node namespace-maker.ts`. Makes them fit for a command,
// hands a socket that listens in there to the process that called it, and ends when told that the namespaces are held.

/** Through sockets in these places others resolve names, or make connections and processes, on behalf of whoever asks. */
const covered = [
  'systemd',
  'dbus',
  'nscd',
  'avahi-daemon',
  'docker',
  'docker.sock',
  'containerd',
  'podman',
  'crio',
  'buildkit',
  'libvirt',
  'snapd.socket',
  'snapd-snap.socket',
  // Runs programs of Windows.
  'WSL',
].map((name) => `/run/${name}`);

/** IFF_UP and IFF_LOOPBACK: netdevice(7). */
const up = '0x9';

function mount(...words: readonly string[]): void {
  const { status, error } = spawnSync('mount', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`mount ${words.join(' ')} failed`);
}

for (const place of covered.filter((each) => existsSync(each))) {
  if (statSync(place).isDirectory()) mount('-t', 'tmpfs', '-o', 'ro,size=4k', 'none', place);
  else mount('--bind', '/dev/null', place);
}
// What /sys tells of interfaces is that of the namespace in which it was mounted.
mount('-t', 'sysfs', '-o', 'nosuid,nodev,noexec', 'sysfs', '/sys');
writeFileSync('/sys/class/net/lo/flags', up);
mount('-o', 'remount,bind,ro', '/sys');

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.('listening', server);
await once(process, 'message');
process.exit();
