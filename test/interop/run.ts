// npm run interop [-- NAME…]: real clients and real servers around a running sidecar. What a suite needs and the machine lacks is a failure, never a skip.
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { findSuites } from './suites.ts';
import { cacheFolder } from './support/cache.ts';

const suites = findSuites(import.meta.dirname);
const known = [...suites.keys()].join(', ');
process.exitCode = await main();

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  if (words.includes('--help') || words.includes('-h')) {
    console.log(`Usage: npm run interop [-- NAME…]

Runs real, unmodified clients and servers against a running sidecar; all suites, or those that are named: ${known}.
What a suite needs is installed from the ordinary registries into ${cacheFolder},
system packages with apt-get where this runs as root. The exit code is 1 if anything failed or was missing.`);
    return 0;
  }
  const unknown = words.filter((name) => !suites.has(name));
  if (unknown.length > 0) {
    console.error(`interop: there is no suite "${unknown.join('", "')}". There are: ${known}.`);
    return 2;
  }
  const files = [...suites].filter(([name]) => words.length === 0 || words.includes(name)).flatMap(([, paths]) => paths);
  const { passed, failed } = await count(files);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

/** One file after another: the machine may be small, and some suites bind well-known ports. A skipped or cancelled test has failed. */
async function count(files: readonly string[]): Promise<{ passed: number; failed: number }> {
  let passed = 0;
  let failed = 0;
  const events = run({ files: [...files], concurrency: false });
  events.on('test:summary', ({ counts, file }) => {
    if (file !== undefined) return;
    passed = counts.passed;
    failed = counts.tests - counts.passed;
  });
  for await (const text of events.compose(spec)) process.stdout.write(String(text));
  return { passed, failed };
}
