import { controlConfig } from '../control/tokens.ts';
import { config as auditConfig } from '../audit/sink.ts';
import { authorityClientConfig } from '../credentials/authority-config.ts';
import { identityConfig } from '../identity/registry.ts';
import { caConfig } from '../ingress/ca-config.ts';
import { policyConfig } from '../policy/registry.ts';
import { z } from '../settings.ts';
import { approvalsConfig } from '../tasks/approval-settings.ts';
import { intentConfig, tasksConfig } from '../tasks/settings.ts';
import { destinationConfig } from './destination.ts';
import { listenConfig } from './listen.ts';
import { upstreamProxyConfig } from './upstream-proxy.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is lower-case letters, digits, - and _, at most 63 of them');

/** The whole configuration file, every default in it. Relative paths are relative to the working directory. */
export const configSchema = z.strictObject({
  listen: listenConfig.prefault({}),
  control: controlConfig.prefault({}),
  identity: identityConfig.prefault({ source: 'local' }),
  authority: authorityClientConfig.optional(),
  upstream_proxy: upstreamProxyConfig.optional(),
  tls: z.strictObject({ ca: caConfig.prefault({}) }).prefault({}),
  tasks: tasksConfig.prefault({}),
  approvals: approvalsConfig.prefault({}),
  intents: z.record(name, intentConfig).default({}),
  policy: policyConfig.prefault({ engine: 'cedar' }),
  audit: auditConfig.prefault({}),
  destinations: z.record(name, destinationConfig).default({}),
  reload: z.strictObject({ watch: z.boolean().default(false) }).prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault({}),
});

export type Config = z.output<typeof configSchema>;
