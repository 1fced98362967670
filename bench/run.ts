// `npm run bench [-- --quick] [-- --only NAME]`: Exeat beside its baselines, each in a process of its own, on loopback.
// CPU time per request and its ratios to the baselines of the same run are what counts; the rest depends on the machine.
import { parseArgs } from 'node:util';
import { measure, type Spans } from './measure.ts';
import { startLoad, startPeer } from './processes.ts';
import { report } from './report.ts';
import { peerScenarios } from './scenarios.ts';

const full: Spans = { rounds: 5, warmUpSeconds: 5, saturateSeconds: 3, paceSeconds: 3 };
const short: Spans = { rounds: 3, warmUpSeconds: 2, saturateSeconds: 1, paceSeconds: 0.6 };

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
const spans = values.quick ? short : full;

await using load = startLoad();
await using answer = await startPeer('answer');
await using undici = await startPeer('undici', String(answer.port));
await using httpProxy3 = await startPeer('http-proxy-3', String(answer.port));

const baselines = new Set(['direct', 'undici']);
const scenarios = peerScenarios(answer, undici, httpProxy3).filter(
  ({ name }) => values.only === undefined || values.only === name || baselines.has(name),
);
const samples = await measure(load, scenarios, spans);
process.exitCode = report({ samples, checks: [], quick: values.quick }) ? 0 : 1;
