import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AuditEvent, AuditSink, CredentialEvent } from '../../src/audit/audit.ts';
import { createAuthorityClient, type AuthorityClient } from '../../src/credentials/authority-client.ts';
import { authorityClientConfig } from '../../src/credentials/authority-config.ts';
import type { GuardedFetch } from '../../src/credentials/discovery.ts';
import { createBroker, type Broker, type BrokerLimits } from '../../src/credentials/broker.ts';
import type { Credential, CredentialProvider } from '../../src/credentials/credential.ts';
import { config as exchangeConfig, create as createTokenExchange } from '../../src/credentials/token-exchange.ts';
import type { Destination } from '../../src/destination.ts';
import { isRefusal } from '../../src/errors.ts';
import { createFingerprint } from '../../src/fingerprint.ts';
import { config as localConfig, create as createLocal } from '../../src/identity/local.ts';
import type { Principal, WorkloadIdentitySource } from '../../src/identity/identity.ts';
import { grant, type Permit } from '../../src/policy/policy.ts';
import { openState } from '../../src/state.ts';
import type { Task } from '../../src/tasks/task.ts';

export const principal: Principal = {
  id: 'https://issuer.example|agent',
  issuer: 'https://issuer.example',
  subject: 'agent',
  kind: 'oidc',
  attributes: {},
};

/** A destination like any other, of this name. */
export function destinationNamed(name: string, changes: Partial<Destination> = {}): Destination {
  return {
    name,
    scheme: 'https',
    hosts: [`${name}.example`],
    port: 443,
    basePath: '',
    protocol: 'http',
    tls: 'intercept',
    operations: [],
    credentialKind: 'token-exchange',
    keepHeaders: new Set(),
    passCookies: false,
    allowEncodedPath: false,
    unsafeReflection: false,
    allowPrivate: false,
    unsafeCleartext: false,
    connectTimeoutMs: 1000,
    headersTimeoutMs: 1000,
    idleTimeoutMs: 0,
    ...changes,
  };
}

export interface PermitParts {
  readonly task?: string;
  readonly agent?: string;
  readonly subject?: string;
  readonly destination: Destination;
  readonly principal?: Principal;
}

/** A permit as the spine makes it, through `grant`. */
export function permitFor({
  task = 'task_1',
  agent = principal.id,
  subject,
  destination,
  principal: actor = principal,
}: PermitParts): Permit {
  const found: Task = {
    id: task,
    intent: 'triage',
    origin: 'orchestrator',
    agent,
    subject,
    attested: true,
    destinations: new Set([destination.name]),
    plan: new Set(),
    openedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    state: 'open',
  };
  const permit = grant(
    {
      principal: actor,
      task: found,
      planned: true,
      target: { destination, host: `${destination.name}.example`, path: '/', query: '' },
      operation: { action: 'GET', group: 'read', resource: '/', templated: false, parameters: {} },
      time: Date.now(),
    },
    { allow: true, policies: ['all'] },
  );
  if (isRefusal(permit)) throw new Error('not granted');
  return permit;
}

/** An audit log in memory: what was appended, and a failure that can be switched on. */
export interface MemoryAudit extends AuditSink {
  failure: Error | undefined;
  readonly events: readonly AuditEvent[];
  credentialEvents(): readonly CredentialEvent[];
  /** Kinds of the credential events, without their prefix. */
  kinds(): readonly string[];
}

export function createMemoryAudit(onAppend: (event: AuditEvent, audit: MemoryAudit) => void = () => undefined): MemoryAudit {
  const events: AuditEvent[] = [];
  const audit: MemoryAudit = {
    events,
    failure: undefined,
    durability: 'batched',
    append(event) {
      events.push(event);
      onAppend(event, audit);
    },
    credentialEvents: () => events.filter((event): event is CredentialEvent => event.kind.startsWith('credential.')),
    kinds: () => audit.credentialEvents().map(({ kind }) => kind.slice('credential.'.length)),
    flush: async () => undefined,
    reopen: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return audit;
}

/** A state folder that is removed at the end, and can be used by several brokers in turn. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'exeat-broker-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface BrokerFixture extends AsyncDisposable {
  readonly broker: Broker;
  readonly audit: MemoryAudit;
  readonly warnings: readonly string[];
  /** Ended tasks; all others are open. */
  readonly ended: Set<string>;
}

export interface BrokerFixtureOptions {
  readonly folder: string;
  readonly providers: ReadonlyMap<Destination, CredentialProvider>;
  readonly limits?: Partial<BrokerLimits>;
  readonly now?: () => number;
  readonly audit?: MemoryAudit;
}

/** A real broker on a real state folder, quick to retry. */
export function startBroker({ folder, providers, limits = {}, now, audit = createMemoryAudit() }: BrokerFixtureOptions): BrokerFixture {
  const state = openState(folder);
  const ended = new Set<string>();
  const warnings: string[] = [];
  const broker = createBroker({
    providers,
    state,
    audit,
    fingerprint: createFingerprint(state.key('fingerprint')),
    taskIsOpen: (id) => !ended.has(id),
    warn: (message) => void warnings.push(message),
    ...(now === undefined ? {} : { now }),
    limits: { issueTimeoutMs: 5000, revokeTimeoutMs: 2000, firstBackoffMs: 20, longestBackoffMs: 100, sweepMs: 10, ...limits },
  });
  return {
    broker,
    audit,
    warnings,
    ended,
    async [Symbol.asyncDispose]() {
      await broker[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    },
  };
}

/** A client of this authority with a `local` workload identity. */
export async function authorityFor(
  issuer: string,
  folder: string,
  more: {
    readonly fetch?: GuardedFetch;
    readonly identity?: WorkloadIdentitySource;
    readonly config?: object;
    readonly now?: (() => number) | undefined;
  } = {},
): Promise<AuthorityClient> {
  const identity =
    more.identity ??
    (await createLocal(localConfig.parse({ source: 'local' }), { folder: join(folder, 'identity'), ...(more.now && { now: more.now }) }));
  return createAuthorityClient(authorityClientConfig.parse({ issuer, unsafe_cleartext: true, ...more.config }), {
    identity,
    fetch: more.fetch ?? fetch,
  });
}

/** A token-exchange provider with defaults that fit most tests. */
export function exchangeProvider(authority: AuthorityClient, settings: object = {}, now?: () => number): CredentialProvider {
  const config = exchangeConfig.parse({
    kind: 'token-exchange',
    audience: 'https://tickets.example.com',
    scope: 'tickets:read',
    ...settings,
  });
  return createTokenExchange(config, { authority, ...(now === undefined ? {} : { now }) });
}

/** The value of the one header of a credential. */
export function headerOf(credential: Credential | undefined): string {
  return credential?.headers[0]?.[1].reveal() ?? '';
}

/** Waits until something is so, as long as a test may. */
export async function eventually(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries > 300) throw new Error(`it never came to pass: ${what}`);
    await pause(10);
  }
}
