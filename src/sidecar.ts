import { defaultFolders } from './config/folders.ts';
import type { ReloadResult } from './config/reload.ts';
import { createHealthServer } from './control/health.ts';
import { createControlServer } from './control/server.ts';
import { openRoleTokens } from './control/tokens.ts';
import { isRefusal, refuse } from './errors.ts';
import { explain } from './explain.ts';
import { parseTarget } from './ingress/target.ts';
import { giveWay, spellings } from './listen.ts';
import { startStages, type SidecarOptions } from './stages.ts';
import type { Tasks } from './tasks/store.ts';

/** A running sidecar. Disposing it stops listening, drains, revokes what lives and closes the audit log; open tasks continue at the next start. */
export interface Sidecar extends AsyncDisposable {
  /** `host:port` of the proxy, as the agent reaches it. */
  readonly proxy: string;
  /** `host:port` of the control API, or the path of its socket. */
  readonly control: string;
  readonly health: string;
  /** Where the tokens of the control API are. */
  readonly tokenFiles: readonly string[];
  readonly tasks: Tasks;
  reload(cause: string): Promise<ReloadResult>;
  reopenLogs(): Promise<void>;
}

/** Starts everything and listens. Throws, with nothing left open, when any part cannot start. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { config, log } = options;
  await using stack = new AsyncDisposableStack();
  const stages = stack.use(await startStages(options));
  const { tasks, identity, audit, metrics } = stages;

  let closing = false;
  const tokens = openRoleTokens(config.control, defaultFolders().tokens);
  const controlServer = createControlServer({
    tokens,
    tasks,
    approvals: stages.approvals,
    hosts: () => ('path' in config.listen.control ? undefined : new Set([...spellings(control), ...config.control.hosts])),
    identity: () => ({ principal: identity.principal(), expiresAt: identity.expiresAt() }),
    explain: ({ task: id, method, url, body = '', headers = {} }) => {
      const [task, principal] = [tasks.get(id), identity.principal()];
      if (task === undefined) return refuse('not_found');
      if (principal === undefined) return refuse('identity_unavailable');
      const here = 'exeat';
      const http = url.replace(/^ws(?=s?:)/i, 'http');
      const requested = parseTarget(http, URL.canParse(http) ? new URL(http).host : here, { ownAuthorities: new Set([here]) });
      return isRefusal(requested)
        ? requested
        : explain(stages.graph, {
            principal,
            task,
            method,
            requested,
            websocket: method === 'GET' && http !== url,
            source: { task, headers: Object.entries(headers).flat(), read: () => Promise.resolve(Buffer.from(body)) },
          });
    },
    reload: () => stages.reload('operator'),
    report: (error) => log.error({ error }, 'a request to the control API failed'),
  });
  const healthServer = createHealthServer({
    notReady: () => [
      ...(closing ? ['shutting down'] : []),
      ...(identity.principal() === undefined ? ['no valid workload identity'] : []),
      ...(stages.graph.policy.counts.remote?.paused === true ? ['the policy engine does not answer'] : []),
      ...(audit.failure === undefined ? [] : ['the audit log cannot be written']),
    ],
    metrics: () => metrics.text(),
  });
  const health = await stages.open(giveWay(healthServer), config.listen.health, { graceMs: 0 });
  const control = await stages.open(giveWay(controlServer), config.listen.control, { graceMs: 1000 });
  const proxy = await stages.openProxy(config.listen.proxy);

  const all = stack.move();
  return {
    proxy,
    control,
    health,
    tokenFiles: tokens.files,
    tasks,
    reload: (cause) => stages.reload(cause),
    reopenLogs: () => audit.reopen(),
    [Symbol.asyncDispose]: () => {
      closing = true;
      return all[Symbol.asyncDispose]();
    },
  };
}
