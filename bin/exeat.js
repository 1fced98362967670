#!/usr/bin/env node
// Runs Exeat on Node 26: this one if it is new enough, else the one that came along as a platform package.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const needed = 26;
// The package has no src/; a dist/ that packing left in a checkout is not what its sources say.
const source = new URL('../src/main.ts', import.meta.url);
const main = existsSync(source) ? source : new URL('../dist/main.js', import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= needed) {
  await import(main.href);
} else {
  const node = platformNode();
  if (node === undefined) {
    console.error(`exeat needs Node ${needed} or newer (this is ${process.version}), and no platform package with it was installed.`);
    console.error('Install Node 26, or install exeat again without --omit=optional.');
    process.exit(1);
  }
  const env = { ...process.env };
  if (process.argv[2] === 'run') hideEnvironment();
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`exeat could not start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
}

function platformNode() {
  const require = createRequire(import.meta.url);
  for (const name of [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]) {
    try {
      return require.resolve(`${name}/bin/node`);
    } catch {
      // The next name.
    }
  }
  return undefined;
}

/** As src/run/initial-environment.ts, for this process, which needs none; where it cannot be done `exeat run` itself refuses to go on. */
function hideEnvironment() {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [start, end] = [Number(fields[47]), Number(fields[48])];
    const memory = openSync('/proc/self/mem', 'r+');
    writeSync(memory, Buffer.alloc(end - start), 0, end - start, start);
    closeSync(memory);
  } catch {
    // Not Linux, or not allowed.
  }
}
