import { closeSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { dlopen, getRawPointer } from 'node:ffi';
import { constants } from 'node:os';

// A process of its own, as root: `node --experimental-ffi seal.ts FOLDER PROGRAM ARGUMENT…` becomes that program in that folder, without what a
// network namespace leaves open: sockets that belong to none, and files that whoever called us had open.

/** unix(7), ip(7), ipv6(7), netlink(7). Others, as vsock(7), may lead to the host of a virtual machine. */
const families = [1, 2, 10, 16];

/** By the kernel's name of the machine: its number in a filter, and that of socket(2). */
const machines: Partial<Record<NodeJS.Architecture, readonly [machine: number, socket: number]>> = {
  x64: [0xc000_003e, 41],
  arm64: [0xc000_00b7, 198],
};
const ioUringSetup = 425;
/** What comes from here on counts otherwise: x32. */
const foreignCalls = 0x4000_0000;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];
const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const equal = (value: number, ifTrue: number, ifFalse: number): Instruction => [0x15, ifTrue, ifFalse, value];
const atLeast = (value: number, ifTrue: number, ifFalse: number): Instruction => [0x35, ifTrue, ifFalse, value];
const allow: Instruction = [0x06, 0, 0, 0x7fff_0000];
const fail = (errno: number): Instruction => [0x06, 0, 0, 0x0005_0000 | errno];

/** seccomp(2): of struct seccomp_data the number of the call is at 0, the machine at 4, the first argument at 16. io_uring opens sockets too. */
function filterFor([machine, socket]: readonly [machine: number, socket: number]): Instruction[] {
  const known = families.map((family, i) => equal(family, families.length - i, 0));
  return [
    load(4),
    equal(machine, 1, 0),
    fail(constants.errno.ENOSYS),
    load(0),
    atLeast(foreignCalls, 1, 0),
    equal(ioUringSetup, 0, 1),
    fail(constants.errno.ENOSYS),
    equal(socket, 1, 0),
    allow,
    load(16),
    ...known,
    fail(constants.errno.EAFNOSUPPORT),
    allow,
  ];
}

function seal(): void {
  const numbers = machines[process.arch];
  if (numbers === undefined) throw new Error(`nobody has written down the calls of ${process.arch}`);
  const filter = filterFor(numbers);
  const code = Buffer.alloc(8 * filter.length);
  for (const [i, [operation, ifTrue, ifFalse, value]] of filter.entries()) {
    code.writeUInt16LE(operation, 8 * i);
    code.set([ifTrue, ifFalse], 8 * i + 2);
    code.writeUInt32LE(value, 8 * i + 4);
  }
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length);
  program.writeBigUInt64LE(getRawPointer(code), 8);
  const word = 'uint64';
  const { functions } = dlopen(null, {
    prctl: { arguments: ['int32', word, word, word, word], return: 'int32' },
    signal: { arguments: ['int32', word], return: word },
  });
  // PR_SET_SECCOMP, SECCOMP_MODE_FILTER
  if (functions.prctl(22, 2n, getRawPointer(program), 0n, 0n) !== 0) throw new Error('the kernel takes no filter');
  // Node ignores these, and what is ignored stays so in the next program. SIG_DFL.
  for (const signal of [constants.signals.SIGPIPE, constants.signals.SIGXFSZ]) functions.signal(signal, 0n);
}

/** What Node opens itself is closed when the next program begins. O_CLOEXEC: proc_pid_fdinfo(5). */
function closeInherited(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd > 2 && !closesItself(fd)) closeSync(fd);
  }
}

function closesItself(fd: number): boolean {
  try {
    return (Number.parseInt(/^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8) & 0o2_000_000) !== 0;
  } catch {
    // It was the one that the folder was read by.
    return true;
  }
}

const [, , folder = '', program = '', ...args] = process.argv;
try {
  process.chdir(folder);
  closeInherited();
  seal();
  process.execve?.(program, [program, ...args], process.env);
} catch (error) {
  const why = error instanceof Error ? error.message : String(error);
  writeSync(2, `exeat run: --user: the command could not be kept from other sockets, so it does not run: ${why}\n`);
}
process.exit(125);
