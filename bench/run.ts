// `npm run bench [-- --quick] [-- --only NAME]`: Exeat beside its baselines, each in a process of its own, on loopback.
// CPU time per request and its ratios to the baselines of the same run are what counts; the rest depends on the machine.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checks, type Bench } from './checks.ts';
import { startAuthority, startSidecar } from './exeat.ts';
import { measure, type Spans } from './measure.ts';
import { mcpDestinations } from './mcp.ts';
import { fewPolicies, manyPolicies, mcpPolicies, tlsPolicies } from './policies.ts';
import { startLoad, startPeer } from './processes.ts';
import { report, type Check } from './report.ts';
import { exeatScenarios, mcpScenarios, peerScenarios, tlsScenarios } from './scenarios.ts';
import { createRoot } from '../test/support/certificates.ts';

const full: Spans = { rounds: 5, warmUpSeconds: 12, saturateSeconds: 3, paceSeconds: 3 };
const short: Spans = { rounds: 3, warmUpSeconds: 2.2, saturateSeconds: 0.6, paceSeconds: 0.3 };

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
const { quick, only } = values;

await using stack = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'exeat-bench-'));
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const load = stack.use(startLoad());
const answer = stack.use(await startPeer('answer'));
const undici = stack.use(await startPeer('undici', String(answer.port)));
const httpProxy3 = stack.use(await startPeer('http-proxy-3', String(answer.port)));
const httpProxy3KeepAlive = stack.use(await startPeer('http-proxy-3', String(answer.port), 'keep-alive'));
const authority = stack.use(await startAuthority());

const root = await createRoot();
const file = (name: string) => join(folder, name);
const { cert, key } = await root.issue(['bench.example', '*.bench.example']);
writeFileSync(file('root.pem'), root.pem);
writeFileSync(file('server.pem'), `${cert}\n${key}`);
const tlsAnswer = stack.use(await startPeer('answer', file('server.pem')));
const tlsUndici = stack.use(await startPeer('tls-undici', String(tlsAnswer.port), file('server.pem'), file('root.pem')));

const sidecar = (name: string, policies: string) =>
  startSidecar({ folder: join(folder, name), authority, upstream: answer.port, policies });
const warm = stack.use(await sidecar('warm', fewPolicies));
const many = stack.use(await sidecar('many', manyPolicies()));
const cold = stack.use(await sidecar('cold', fewPolicies));
const intercepting = stack.use(
  await startSidecar({
    folder: file('tls'),
    authority,
    upstream: answer.port,
    tls: { port: tlsAnswer.port, rootFile: file('root.pem') },
    policies: fewPolicies + tlsPolicies,
  }),
);

const reading = stack.use(
  await startSidecar({
    folder: file('mcp'),
    authority,
    upstream: answer.port,
    destinations: mcpDestinations(answer.port, file('tools.json')),
    policies: fewPolicies + mcpPolicies,
  }),
);

const baselines = peerScenarios({ answer, undici, httpProxy3, httpProxy3KeepAlive });
const tls = { answer: tlsAnswer, undici: tlsUndici, exeat: intercepting, root: root.pem, trust: intercepting.trust() };
const exeat = [
  ...(await exeatScenarios(answer, { warm, many, cold })),
  ...(await tlsScenarios(tls)),
  ...(await mcpScenarios(answer, reading)),
];
const scenarios = [
  ...baselines,
  ...exeat.filter(
    ({ name }) =>
      only === undefined ||
      name === only ||
      name === only.replace('intercepted', 'tls_undici') ||
      (name === 'post' && only.startsWith('mcp_')),
  ),
];
const wanted = Object.entries(checks).filter(([name]) => only === undefined || only === name);
if (only !== undefined && wanted.length === 0 && !scenarios.some(({ name }) => name === only)) {
  throw new Error(
    `there is no "${only}"; there are ${[...scenarios, ...exeat].map(({ name }) => name).join(', ')}, ${Object.keys(checks).join(', ')}`,
  );
}

const measuring = wanted.length === 0 || only === undefined;
const samples = measuring ? await measure(load, scenarios, quick ? short : full) : new Map();
if (only === undefined || only === 'forward_distinct') console.log(`decision cache of forward_distinct: ${hitRate(await many.metrics())}`);
const bench: Bench = { load, answer, authority, sidecar: warm, intercepting, restart: () => sidecar('start', fewPolicies), quick };
const found: Check[] = [];
for (const [name, check] of wanted) {
  process.stderr.write(`${name}\n`);
  found.push(...(await check(bench)));
}
process.exitCode = report({ samples, checks: found, quick, whole: only === undefined }) ? 0 : 1;

/** From `exeat_policy_decisions_total{cache="hit"}` and `{cache="miss"}`. */
function hitRate(metrics: string): string {
  const count = (cache: string) =>
    Number(new RegExp(`^exeat_policy_decisions_total\\{cache="${cache}"\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
  const [hits, misses] = [count('hit'), count('miss')];
  return Number.isNaN(hits + misses) ? 'hit rate not in the metrics' : `${((100 * hits) / (hits + misses)).toFixed(2)} % hits`;
}
