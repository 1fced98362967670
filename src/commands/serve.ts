import { parseArgs } from 'node:util';
import { loadedPathsOf, missingSecrets, trustedPathsOf } from '../config/files.ts';
import { configPath, loadConfig } from '../config/load.ts';
import { ownCaFindings } from '../config/own-ca.ts';
import { watchFiles } from '../config/reload.ts';
import { warningsOf } from '../config/warnings.ts';
import { writableByOthers } from '../config/writable.ts';
import { createLog } from '../log.ts';
import { startSidecar } from '../sidecar.ts';

export const summary = 'run the sidecar until SIGTERM or SIGINT';

export const help = `Usage: exeat serve [--config FILE]

Runs the sidecar proxy: the agent's calls come in on listen.proxy, tasks are opened on listen.control,
probes and metrics are on listen.health.

  --config FILE   the configuration; default: EXEAT_CONFIG, else config/exeat.yaml

SIGHUP reads the configuration and policies again (a bad file changes nothing) and reopens the audit log.
SIGTERM and SIGINT stop: new calls are refused, running ones get tasks.drain, live credentials are revoked.`;

export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: { config: { type: 'string' } } });
  const path = configPath(values.config);
  const config = loadConfig(path);
  const log = createLog(config.log.level);
  // Listened to until the end: a terminal and a launcher both send Ctrl-C, and the second one must not cut the revocations short.
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, resolve);
  });
  const warnings = [
    ...warningsOf(config),
    ...ownCaFindings(config).warnings,
    ...missingSecrets(config),
    ...writableByOthers(trustedPathsOf(config, path)),
  ];
  for (const warning of warnings) log.warn({}, warning);
  let latest = config;
  const reread = () => (latest = loadConfig(path));
  const sidecar = await startSidecar({ config, reread, log });
  process.on('SIGHUP', () => {
    void sidecar.reload('signal');
    sidecar.reopenLogs().catch((error: unknown) => log.error({ error }, 'the audit log could not be reopened'));
  });
  const { proxy, control, health, tokenFiles } = sidecar;
  log.info({ proxy, control, health, tokens: tokenFiles, config: path }, 'ready');
  const watch = config.reload.watch
    ? watchFiles({ paths: () => loadedPathsOf(latest, path), onChange: () => sidecar.reload('watch') })
    : undefined;
  log.info({ signal: await stopped }, 'stopping');
  await watch?.[Symbol.asyncDispose]();
  await sidecar[Symbol.asyncDispose]();
  return 0;
}
