import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { admit } from './admit.ts';
import type { AuditSink } from './audit/audit.ts';
import { createRefusals } from './audit/refusals.ts';
import { createAudit } from './audit/sink.ts';
import { caFoldersOf } from './config/ca-folders.ts';
import { defaultFolders } from './config/folders.ts';
import { authorityNetworkOf } from './config/peers.ts';
import { createReloader, type ReloadResult } from './config/reload.ts';
import { assertReloadable } from './config/restart.ts';
import type { Config } from './config/schema.ts';
import { createAuthorityClient } from './credentials/authority-client.ts';
import { createBroker } from './credentials/broker.ts';
import { createMetrics, type Metrics } from './control/metrics.ts';
import { openGraph } from './current-graph.ts';
import type { PeerNetwork } from './destination.ts';
import { callsToEnd, cutCalls, revokeAlive } from './drain.ts';
import type { Resolve } from './egress/address-guard.ts';
import { createGuardedFetch } from './egress/client.ts';
import type { ErrorCode } from './errors.ts';
import { createFingerprint } from './fingerprint.ts';
import type { BuiltGraph } from './graph.ts';
import type { WorkloadIdentitySource } from './identity/identity.ts';
import { createIdentity } from './identity/registry.ts';
import { closeServer, listen, spellings, type Closing, type ListenAt } from './listen.ts';
import { createBinding, type BoundListener } from './ingress/peer.ts';
import { openCertificates } from './ingress/certificates.ts';
import { createIngress } from './ingress/server.ts';
import { createTlsComplaints } from './ingress/tls-complaints.ts';
import type { OperatorLog } from './log.ts';
import { watchLongCalls } from './long-calls.ts';
import { openApprovals } from './open-approvals.ts';
import { connectionShare } from './open-files.ts';
import { handle, type Graph, type Stages } from './pipeline.ts';
import { createMcpKnowledge } from './protocol/mcp/knowledge.ts';
import { cutWhatIsNoLongerGranted } from './regrant.ts';
import { openState } from './state.ts';
import type { Approvals } from './tasks/approvals.ts';
import { createTasks, type Tasks } from './tasks/store.ts';

/** What a sidecar is started with. */
export interface SidecarOptions {
  readonly config: Config;
  /** Reads the configuration again, for a reload. Throws with everything that is wrong with it. */
  readonly reread: () => Config;
  readonly log: OperatorLog;
  /** How names of destinations become addresses; as the operating system does it unless given. */
  readonly resolve?: Resolve;
}

/** All stages of a sidecar, joined, without a listener. Disposing them closes the listeners first, drains, revokes what lives and closes the audit log. */
export interface RunningStages extends AsyncDisposable {
  readonly graph: Graph;
  readonly identity: WorkloadIdentitySource;
  readonly tasks: Tasks;
  readonly approvals: Approvals;
  readonly audit: AuditSink;
  readonly metrics: Metrics;
  reload(cause: string): Promise<ReloadResult>;
  /** Opens a listener that is closed with the stages; answers with its address. */
  open(server: Server, at: ListenAt, closing: Closing): Promise<string>;
  /** Opens the agent's door; with `bound` it is a task. */
  openProxy(at: ListenAt, bound?: BoundListener): Promise<string>;
}

/** Starts everything that stands behind the listeners. Throws, with nothing left open, when any part cannot start. */
export async function startStages({ config, reread, log, resolve }: SidecarOptions): Promise<RunningStages> {
  await using stack = new AsyncDisposableStack();
  const folders = defaultFolders();
  const state = stack.use(openState(config.tasks.state ?? folders.state));
  const certificates = stack.use(
    await openCertificates(config.tls.ca, { folders: caFoldersOf(config), warn: (message) => log.warn({}, message) }),
  );
  const fingerprint = createFingerprint(state.key('fingerprint'));
  const sink = stack.use(
    await createAudit(config.audit, {
      stateFolder: state.folder,
      defaultFile: folders.auditFile,
      onFailure: (error) => log.error({ error }, 'the audit log cannot be written: new calls are refused'),
      onRecovered: () => log.info({}, 'the audit log is written again'),
    }),
  );
  const metrics = createMetrics({
    openTasks: () => tasks.openCount,
    auditFailed: () => sink.failure !== undefined,
    decisions: () => current.graph.policy.counts,
    policyConfirmedAt: () => current.graph.policy.confirmedAt?.(),
    identityExpiresAt: () => identity.expiresAt(),
  });
  const audit = metrics.counting(sink);
  const identity = stack.use(
    await createIdentity(config.identity, {
      folder: state.folder,
      warn: (message) => log.warn({ identity: config.identity.source }, message),
    }),
  );
  identity.onRotation(
    (principal, expiresAt) => void audit.append({ kind: 'identity.rotated', agent: principal.id, expires_at: expiresAt }),
  );

  const ownPorts = new Set<number>();
  const host = { ownPorts, resolve, connections: { most: connectionShare(4000), open: 0 } };
  const via = `1.1 exeat-${randomBytes(12).toString('hex')}`;
  const network = authorityNetworkOf(config);
  const client = network === undefined ? undefined : stack.use(createGuardedFetch(network, { ownPorts, resolve }));
  const authority = config.authority && client && createAuthorityClient(config.authority, { identity, fetch: client.fetch });
  const mcp = createMcpKnowledge(state);
  const warn = (message: string) => log.warn({}, message);
  const parts = { authority, host, via, fingerprint, audit, mcp, stateFolder: state.folder, warn };
  const current = stack.use(await openGraph(config, parts));

  const broker = stack.use(
    createBroker({ providers: current.providers, state, audit, fingerprint, taskIsOpen: (id) => tasks.isOpen(id), warn }),
  );
  let proxy = '';
  const tasks: Tasks = createTasks(config, {
    state,
    audit,
    agent: () => identity.principal(),
    leases: (id) => broker.leases(id),
    revokeLeases: (id) => (approvals.drop(id), broker.revokeTask(id)),
    proxyUrl: () => `http://${proxy}`,
  });
  stack.use(tasks);

  const approvals = stack.use(openApprovals(config, { host, audit, log }));
  const refusals = stack.use(createRefusals(audit));
  const refused = (code: ErrorCode): void => void refusals.sum(code);
  const tlsFailed = createTlsComplaints({ log, refused, count: (failure) => metrics.clientTlsFailed(failure) });
  const stages: Stages = {
    get graph() {
      return current.graph;
    },
    identity,
    tasks,
    approvals,
    broker,
    log: { sink: audit, summed: (code, task) => refusals.sum(code, task) },
    fingerprint,
    observe: (event) => metrics.observe(event),
    report: (error, call) => log.error({ error, call }, 'a call failed inside the sidecar'),
  };
  stack.use(watchLongCalls(tasks, stages));
  const ownAuthorities = new Set<string>();
  const reloader = stack.use(
    createReloader<Config, BuiltGraph & { readonly toAuthority: PeerNetwork | undefined }>({
      load: () => assertReloadable(current.config, reread()),
      build: async (next) => ({ toAuthority: authorityNetworkOf(next), ...(await current.build(next)) }),
      swap: (next, settings) => {
        current.swap(next, settings);
        if (next.toAuthority !== undefined) client?.redirect(next.toAuthority);
        broker.swapProviders(next.providers);
        tasks.reconfigure(settings);
        approvals.reconfigure(settings.approvals);
        cutWhatIsNoLongerGranted(current.graph, tasks);
        current.tell('reloaded');
      },
      report: (result, cause) => {
        if (result.reloaded) log.info({ cause }, 'configuration reloaded');
        else log.error({ cause, reason: result.reason }, 'reload failed: the old configuration stays in force');
      },
    }),
  );

  // What the process before left is known at once; asking the issuers to revoke it does not hold up the start.
  broker.resume().catch((error: unknown) => log.error({ error }, 'what was left from before could not be dealt with'));
  await tasks.start();
  current.tell('loaded at start');
  current.watch(() => cutWhatIsNoLongerGranted(current.graph, tasks));
  // While nobody watches nothing issued stays alive; open tasks get fresh credentials at the next start.
  stack.defer(() => revokeAlive(tasks, broker));

  const all = stack.move();
  const open = async (server: Server, at: ListenAt, closing: Closing): Promise<string> => {
    const address = await listen(server, at);
    all.defer(() => closeServer(server, closing));
    ownPorts.add(Number(address.slice(address.lastIndexOf(':') + 1)));
    return address;
  };
  return {
    get graph() {
      return current.graph;
    },
    identity,
    tasks,
    approvals,
    audit,
    metrics,
    reload: (cause) => reloader.reload(cause),
    open,
    async openProxy(at, bound) {
      const ingress = createIngress({
        admit: (connect) => admit(stages, connect),
        handle: (call, reply) => handle(stages, call, reply),
        refused,
        certificates,
        tlsFailed,
        report: (error) => log.error({ error }, 'a tunnel failed inside the sidecar'),
        context: { ownAuthorities, via, bound: bound && createBinding(bound) },
      });
      ingress.maxConnections = connectionShare(config.listen.max_connections);
      // After the listener has closed.
      all.defer(() => callsToEnd(tasks));
      proxy = await open(ingress, at, { graceMs: config.tasks.drain, cut: () => cutCalls(tasks) });
      for (const spelling of spellings(proxy)) ownAuthorities.add(spelling);
      for (const named of config.listen.proxy_hosts) ownAuthorities.add(named);
      return proxy;
    },
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}
