import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { missingSecrets, trustedPathsOf } from '../config/files.ts';
import { configPath, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { writableByOthers } from '../config/writable.ts';
import type { OperatorLog } from '../log.ts';
import { didYouMean } from '../nearest.ts';
import { runChild } from '../run/child.ts';
import { childEnvironment, splitEnvironment } from '../run/environment.ts';
import { finishEarlierRuns } from '../run/finishers.ts';
import { hideInitialEnvironment } from '../run/initial-environment.ts';
import { makeNamespace, mayType } from '../run/namespace.ts';
import { startRun, type Run } from '../run/run.ts';
import { summaryJson, summaryLine } from '../run/summary.ts';
import { trustIn } from '../run/trust.ts';
import { environmentFor, userNamed, type User } from '../run/user.ts';

export const summary = 'run a command in a task of its own, revoked when it ends';

export const help = `Usage: exeat run [options] -- COMMAND [ARGUMENT]…

Opens a task, runs the command with its calls led through a sidecar of its own, and revokes what was issued when the command ends,
however it ends. The command's exit code is passed on; 128 and more is a signal, 126 and 127 a command that cannot be run, 125 a
failure of Exeat itself.

  --intent NAME     what the task is for; default: tasks.default_intent, else the only intent there is
  --config FILE     the configuration; default: EXEAT_CONFIG, else config/exeat.yaml. It is read once
  --pass-env NAME   lets the command keep a variable that it would lose; may be given several times, is recorded in the audit log
  --user NAME       as root, on Linux: run the command as that user, in a network namespace whose only way out is the proxy
  --quiet           no line at the end, and no warnings
  --json            the line at the end as JSON

The command gets proxy variables, those that make clients trust Exeat's CA, EXEAT_TASK and EXEAT_PROXY. It does not get the variables
that secrets are read from, those that prove an identity to others (CI, SPIFFE, clouds), any other EXEAT_…, nor the keys of configured
services, for which a placeholder stands where an SDK insists on one: Exeat adds the credential on the way.

Without --user the command runs as the same user as Exeat: this guards against accident, not against a hostile agent, which could read
your files and your processes, or dial out without the proxy. With --user give it a user of its own, who has no other processes: what
such a process may do is not kept from it. It cannot become another user either (no_new_privs), and sees no network but loopback of its
own; what it can reach beside the proxy are Unix sockets that this user may open, but for those of resolvers, D-Bus and container engines.
Sockets of other kinds (vsock, Bluetooth, …), io_uring and 32-bit programs are barred (seccomp), and files that were open are closed.

Examples:
  exeat run -- python agent.py
  exeat run --intent triage --json -- npx my-agent --once
  exeat run --pass-env GITHUB_TOKEN -- make release
  sudo exeat run --user agent -- ./agent`;

/** Of Exeat's own failures, as of other programs that run a command. */
const failed = 125;

export async function run(argv: readonly string[]): Promise<number> {
  const hidden = hideInitialEnvironment();
  try {
    return await runWith(optionsFrom(argv), hidden);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return failed;
  }
}

interface Options {
  readonly intent: string | undefined;
  readonly file: string;
  readonly keep: readonly string[];
  readonly user: User | undefined;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly command: readonly string[];
}

function optionsFrom(argv: readonly string[]): Options {
  const end = argv.indexOf('--');
  const { values, positionals } = parseArgs({
    args: argv.slice(0, end === -1 ? argv.length : end),
    allowPositionals: true,
    options: {
      intent: { type: 'string' },
      config: { type: 'string' },
      user: { type: 'string' },
      'pass-env': { type: 'string', multiple: true, default: [] },
      quiet: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const command = end === -1 ? [] : argv.slice(end + 1);
  if (positionals.length > 0 || command.length === 0) throw new Error('write the command behind "--": exeat run [options] -- COMMAND');
  const { intent, quiet, json } = values;
  const user = values.user === undefined ? undefined : userNamed(values.user);
  return { intent, file: configPath(values.config), keep: [...new Set(values['pass-env'])], user, quiet, json, command };
}

async function runWith({ intent, file, keep, user, quiet, json, command }: Options, hidden: boolean): Promise<number> {
  const config = loadConfig(file, { ownAuthority: true });
  const { held } = splitEnvironment(process.env, config);
  if (!hidden && process.platform === 'linux' && Object.keys(held).length > 0) {
    throw new Error(`${Object.keys(held).join(', ')}: the command could read it from /proc, and that cannot be helped here; unset it`);
  }
  if (!quiet) for (const warning of warningsOf(config, { file, keep })) say(`warning: ${warning}`);
  const earlierRuns = finishEarlierRuns(config);
  using namespace = user === undefined ? undefined : await makeNamespace();
  const started = await startRun({
    config,
    file,
    intent: intentOf(config, intent),
    socket: namespace?.socket,
    keep: keep.filter((name) => process.env[name] !== undefined),
    log: createRunLog(quiet),
  });
  const inherited = user === undefined ? process.env : environmentFor(user, process.env);
  const words = user === undefined ? command : (namespace?.enter(user, command) ?? []);
  const env = environmentOf(started, { inherited, config, keep });
  const { code, problem } = await runChild(words, { env, apart: user !== undefined && mayType() });
  if (problem !== undefined) say(problem);
  const report = await started.end();
  const end = { report, exitCode: code, auditFile: started.auditFile, ended: await earlierRuns() };
  if (json) say(summaryJson(end), '');
  else if (!quiet) say(summaryLine(end), '');
  return code;
}

interface Inherited {
  readonly inherited: NodeJS.ProcessEnv;
  readonly config: Config;
  readonly keep: readonly string[];
}

function environmentOf({ proxy, task, issuer, folders }: Run, { inherited, config, keep }: Inherited): Record<string, string> {
  const own = { EXEAT_TASK: task, EXEAT_PROXY: `http://${proxy}`, ...(issuer === undefined ? {} : { EXEAT_ISSUER: issuer }) };
  return childEnvironment(inherited, { config, proxy, own, trust: (variables) => trustIn(folders.trust, variables), keep });
}

function intentOf({ intents, tasks }: Config, asked: string | undefined): string {
  const names = Object.keys(intents);
  const name = asked ?? tasks.default_intent ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) throw new Error(names.length === 0 ? 'the configuration has no intents' : `say --intent: ${names.join(', ')}`);
  if (names.includes(name)) return name;
  throw new Error(`there is no intent "${name}"${didYouMean(name, names) || `; there are ${names.join(', ')}`}`);
}

function warningsOf(config: Config, { file, keep }: { readonly file: string; readonly keep: readonly string[] }): string[] {
  const unset = keep.filter((name) => process.env[name] === undefined).map((name) => `--pass-env ${name}: it is not set`);
  return [...unset, ...missingSecrets(config), ...writableByOthers(trustedPathsOf(config, file))];
}

/** Beside the command's own output: what keeps it from working, in one line each. */
function createRunLog(quiet: boolean): OperatorLog {
  const tell = (fields: object, message: string): void => {
    const error = 'error' in fields && fields.error instanceof Error ? `: ${fields.error.message}` : '';
    if (!quiet) say(`${message}${error}`);
  };
  return { info: () => undefined, warn: tell, error: tell };
}

/** By the descriptor: a stream would set a pipe that the command shares to non-blocking. */
function say(text: string, prefix = 'exeat run: '): void {
  try {
    writeSync(2, `${prefix}${text}\n`);
  } catch {
    // Nobody listens there any more.
  }
}
