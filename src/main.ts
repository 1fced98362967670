import { enableCompileCache } from 'node:module';

/** What a module under commands/ offers. `run` gets what follows the command's name and resolves to the exit code. */
interface Command {
  readonly summary: string;
  readonly help: string;
  run(argv: readonly string[]): Promise<number>;
}

enableCompileCache();

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: () => import('./commands/serve.ts'),
  run: () => import('./commands/run.ts'),
  init: () => import('./commands/init.ts'),
  check: () => import('./commands/check.ts'),
  explain: () => import('./commands/explain.ts'),
  task: () => import('./commands/task.ts'),
  approvals: () => import('./commands/approvals.ts'),
  policy: () => import('./commands/policy.ts'),
  tools: () => import('./commands/tools.ts'),
  audit: () => import('./commands/audit.ts'),
  ca: () => import('./commands/ca.ts'),
  authority: () => import('./commands/authority.ts'),
};

process.exitCode = await main(process.argv.slice(2));
// Everything is written by then. Node would now let go of signals, and one more Ctrl-C would make a failure of what is done.
process.once('exit', (code) => process.exit(code));

async function main([name = 'help', ...argv]: readonly string[]): Promise<number> {
  if (name === 'help' || name === '--help' || name === '-h') return overview();
  if (name === '--version' || name === '-v') return version();
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    console.error(`exeat: there is no command "${name}". "exeat --help" lists them.`);
    return 2;
  }
  const command = await load();
  const end = argv.indexOf('--');
  if (argv.slice(0, end === -1 ? argv.length : end).some((word) => word === '--help' || word === '-h')) {
    console.log(command.help);
    return 0;
  }
  try {
    return await command.run(argv);
  } catch (error) {
    return failed(name, error);
  }
}

/** What a user did wrong, or what could not start, in one line; never a stack. */
function failed(name: string, error: unknown): number {
  const misused = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(`exeat ${name}: ${error instanceof Error ? error.message : String(error)}`);
  if (misused) console.error(`"exeat ${name} --help" tells what it takes.`);
  return misused ? 2 : 1;
}

async function overview(): Promise<number> {
  console.log('exeat: access per task for AI agents\n\nUsage: exeat COMMAND [options]\n');
  for (const [name, load] of Object.entries(commands)) console.log(`  ${name.padEnd(10)} ${(await load()).summary}`);
  console.log('\n"exeat COMMAND --help" tells more. The configuration is config/exeat.yaml, --config FILE or EXEAT_CONFIG.');
  return 0;
}

async function version(): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const { version: text } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  console.log(text);
  return 0;
}
