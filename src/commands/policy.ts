import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configPath, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { didYouMean } from '../nearest.ts';
import { openBench } from '../review/bench.ts';
import { coverageOf } from '../review/coverage.ts';
import { directoryOf } from '../policy/registry.ts';
import { readFixtures, runFixture, type FixtureResult } from '../review/fixtures.ts';
import { junitOf } from '../review/junit.ts';
import { readLogs, type LogOptions } from '../review/log.ts';
import { replay, type Change } from '../review/replay.ts';
import { suggest } from '../review/suggest.ts';
import { columns } from './task-text.ts';

export const summary = 'test policies, replay a log against them, or have them suggested by one';

export const help = `Usage: exeat policy test [FOLDER] [--min-coverage PERCENT] [--junit FILE]
       exeat policy replay AUDIT_FILE… [--unverified]
       exeat policy suggest AUDIT_FILE… [--denied] [--mint] [--any-agent] [--any-query] [--unverified]

  test       runs the fixtures of a folder (*.yaml, *.json; the policies' own "tests" unless said): calls, and what is expected of policy
  replay     says which calls of audit logs the policies of the configuration would decide otherwise
  suggest    writes the least that would have let the calls of logs go, for review; what was only observed counts as wanted

What is tried out (@observe) counts as if it were in force. A fixture: { name, intent, call: "GET https://…" | tool: { destination, name, arguments },
headers, body, agent, kind, claims, subject, origin, attested, planned, time, expect: allow | deny | approval, policies: [ids], refused: code },
of which name, intent, expect and call or tool must be there. "refused" is a denial before policy is asked: no other makes "expect: deny" come true.

  --config FILE            the configuration; else EXEAT_CONFIG, else config/exeat.yaml
  --min-coverage PERCENT   fail when fewer policies are exercised by a fixture
  --junit FILE             write the results of a test there as JUnit's XML
  --denied                 suggest for calls that were denied, too
  --mint                   suggest for calls that create standing access, too
  --any-agent              suggest for any agent what was seen of one
  --any-query              suggest whatever stands in queries; else only names that were seen
  --public-key PEM         checks the signatures of a log; "audit-public.pem" in the state folder. May be given more than once
  --unverified             take a log whose chain does not hold
  --json                   print the answer as JSON

Opens no connection and reads no secret. Exit code: 0 as expected, 1 not, 2 wrong usage.`;

const options = {
  config: { type: 'string' },
  'min-coverage': { type: 'string' },
  junit: { type: 'string' },
  denied: { type: 'boolean', default: false },
  mint: { type: 'boolean', default: false },
  'any-agent': { type: 'boolean', default: false },
  'any-query': { type: 'boolean', default: false },
  'public-key': { type: 'string', multiple: true },
  unverified: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parse>['values'];

const actions: Readonly<Record<string, (config: Config, words: readonly string[], values: Values) => Promise<number>>> = {
  test: testPolicies,
  replay: replayLog,
  suggest: suggestPolicies,
};

export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv);
  const [name = '', ...words] = positionals;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined)
    return misused(name === '' ? 'say what to do' : `there is no "${name}"${didYouMean(name, Object.keys(actions))}`);
  if (name === 'test' ? words.length > 1 : words.length === 0)
    return misused(`"${name}" takes ${name === 'test' ? 'one folder' : 'audit logs'}`);
  const least = values['min-coverage'];
  if (least !== undefined && !/^(?:100|\d{1,2})$/.test(least)) return misused('--min-coverage takes a percentage');
  return action(loadConfig(configPath(values.config), { ownAuthority: true }), words, values);
}

async function testPolicies(config: Config, [folder]: readonly string[], values: Values): Promise<number> {
  const bench = openBench(config);
  const from = folder ?? join(directoryOf(config.policy) ?? '', 'tests');
  const results: FixtureResult[] = [];
  for (const fixture of readFixtures(from)) results.push(await runFixture(bench, fixture));
  const coverage = coverageOf(bench, results);
  const failed = results.filter(({ ok }) => !ok);
  const short = coverage.percent < Number(values['min-coverage'] ?? 0);
  if (values.junit !== undefined) writeFileSync(values.junit, junitOf(results));
  if (values.json) console.log(JSON.stringify({ results, coverage }, undefined, 2));
  else {
    for (const { file, name, problem } of failed) console.log(`not ok  ${file}: ${name}\n        ${problem}`);
    for (const id of coverage.unexercised) console.log(`no fixture is decided by "${id}"`);
    const policies = `${coverage.exercised} of ${coverage.policies} policies exercised (${coverage.percent} %)`;
    console.log(`${results.length - failed.length} passed, ${failed.length} failed; ${policies}`);
    if (results.length === 0) console.error(`exeat policy: there are no fixtures in ${from}`);
    if (short) console.error(`exeat policy: --min-coverage ${values['min-coverage']} is not met`);
  }
  return failed.length > 0 || short || results.length === 0 ? 1 : 0;
}

async function replayLog(config: Config, files: readonly string[], values: Values): Promise<number> {
  const bench = openBench(config);
  const result = await replay(bench, await readLogs(files, logOptions(values)));
  const { calls, unchanged, unknown, uncertain, untold, changes } = result;
  if (values.json) console.log(JSON.stringify({ ...result, not_in_any_log: notInAnyLog }, undefined, 2));
  else {
    if (changes.length > 0)
      console.log(columns([['CALLS', 'BEFORE', 'NOW', 'INTENT', 'OPERATION', 'BY', 'EXAMPLE'], ...changes.map(rowOf)]));
    const gone = `${unknown} of destinations, hosts, intents or tools that are not there`;
    console.log(`${calls} calls: ${unchanged} decided alike, ${calls - unchanged - unknown} otherwise, ${gone}`);
    if (uncertain > 0)
      console.log(`${uncertain} were decided without what these policies read and the log does not hold (?): ${untold.join(', ')}`);
    console.log(notInAnyLog);
  }
  return changes.length > 0 ? 1 : 0;
}

const notInAnyLog = 'Arguments, bodies, values of queries, and what a message does besides its operation are in no log.';

function rowOf({ calls, from, to, intent, operation, after, uncertain, example }: Change): string[] {
  return [String(calls), from, uncertain ? `${to}?` : to, intent, operation, after.join(', ') || 'no policy', example].map(printable);
}

/** Names come from agents, and go to a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, '?');
}

async function suggestPolicies(config: Config, files: readonly string[], values: Values): Promise<number> {
  const { denied, mint, json, 'any-agent': anyAgent, 'any-query': anyQuery } = values;
  const log = await readLogs(files, logOptions(values));
  const { text, policies, templates, left } = suggest(openBench(config), log, { denied, mint, anyAgent, anyQuery });
  if (json) console.log(JSON.stringify({ policies: text, templates: Object.fromEntries(templates), left }, undefined, 2));
  else {
    if (policies > 0) console.log(`// For review. ${notInAnyLog} Nothing here is bound by them.\n`);
    for (const [name, of] of templates) console.log(`// "${name}" could list under "operations": ${of.join(', ')}; then suggest again\n`);
    if (text !== '') console.log(text);
    for (const [why, calls] of Object.entries(left)) console.error(`left out: ${calls} calls ${why}`);
    if (values['public-key'] === undefined) console.error('not checked: who wrote the log (--public-key)');
    if (policies === 0) console.error('exeat policy: the log holds no calls to suggest policies from');
  }
  return policies === 0 ? 1 : 0;
}

function logOptions({ unverified, 'public-key': keys = [] }: Values): LogOptions {
  return { unverified, publicKeys: keys.map((path) => readFileSync(path, 'utf8')) };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
}

function misused(message: string): number {
  console.error(`exeat policy: ${message}. "exeat policy --help" tells what it takes.`);
  return 2;
}
