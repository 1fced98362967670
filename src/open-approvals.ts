import type { AuditSink } from './audit/audit.ts';
import type { Config } from './config/schema.ts';
import { webhookNetworkOf } from './config/peers.ts';
import { createGuardedFetch } from './egress/client.ts';
import type { GuardedHost } from './egress/connector.ts';
import type { OperatorLog } from './log.ts';
import { tellApprovers } from './tasks/approval-webhook.ts';
import { createApprovals, type Approvals } from './tasks/approvals.ts';

export interface ApprovalParts {
  readonly host: GuardedHost;
  readonly audit: AuditSink;
  readonly log: OperatorLog;
}

/** The approvals of a sidecar; approvers are told of new questions where the configuration says how. */
export function openApprovals(config: Config, { host, audit, log }: ApprovalParts): Approvals & AsyncDisposable {
  const settings = config.approvals.webhook;
  const network = webhookNetworkOf(config);
  const client = network === undefined ? undefined : createGuardedFetch(network, host);
  const approvals = createApprovals({
    settings: config.approvals,
    audit,
    asked(approval) {
      if (settings === undefined || client === undefined) return;
      void tellApprovers(approval, {
        settings,
        fetch: client.fetch,
        warn: (message) => log.warn({ approval: approval.id }, message),
      });
    },
  });
  return { ...approvals, [Symbol.asyncDispose]: async () => client?.[Symbol.asyncDispose]() };
}
