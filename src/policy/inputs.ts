import { capped, cappedList } from '../capped.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Attribute, AttributeValue } from './attributes.ts';
import type { AccessRequest, Decision, Inputs, PolicyDecisionPoint } from './policy.ts';
import type { ReadPlan } from './read-plan.ts';
import { actionOf } from './records.ts';

/** The same policies; each decision also says what they read for it. */
export function recordingInputs(policy: PolicyDecisionPoint, fingerprint: Fingerprint): PolicyDecisionPoint {
  return {
    ...policy,
    decide(request, signal) {
      const withInputs = (decision: Decision): Decision => ({ ...decision, inputs: policy.inputs(request, fingerprint) });
      const decision = policy.decide(request, signal);
      return decision instanceof Promise ? decision.then(withInputs) : withInputs(decision);
    },
  };
}

/** What policies read of a request. Looks the attributes up once for each action, destination and template. */
export function readingBy(plan: Pick<ReadPlan, 'mentionedFor'>): Required<Pick<PolicyDecisionPoint, 'inputs' | 'mentioned'>> {
  const mentioned = new Map<string, readonly Attribute[]>();

  function attributesFor(request: AccessRequest): readonly Attribute[] {
    const { operation, target } = request;
    const scope = { action: actionOf(request), destination: target.destination.name };
    const key = `${scope.action} ${scope.destination} ${operation.templated ? operation.resource : ''}`;
    const found = mentioned.get(key) ?? plan.mentionedFor({ ...scope, ...(operation.templated && { template: operation.resource }) });
    mentioned.set(key, found);
    return found;
  }

  return {
    mentioned: (request) => attributesFor(request).map(({ path }) => path.join('.')),
    inputs(request, fingerprint): Inputs {
      const inputs: Record<string, AttributeValue> = {};
      for (const attribute of attributesFor(request)) {
        const value = attribute.read(request);
        if (value !== undefined) inputs[attribute.path.join('.')] = shown(value, attribute, fingerprint);
      }
      return inputs;
    },
  };
}

function shown(value: AttributeValue, { secret }: Attribute, fingerprint: Fingerprint): AttributeValue {
  if (typeof value === 'object' && secret === 'whole') return value.map((each) => fingerprint(String(each)));
  const texts = typeof value === 'object' ? value.map(String) : [];
  if (typeof value === 'object')
    return secret === 'values' ? cappedList(texts).map((pair) => withoutValue(pair, fingerprint)) : cappedList(texts);
  if (secret === 'whole') return fingerprint(String(value));
  return typeof value === 'string' ? capped(value, fingerprint) : value;
}

function withoutValue(pair: string, fingerprint: Fingerprint): string {
  const equals = pair.indexOf('=');
  return equals === -1 ? pair : `${pair.slice(0, equals)}=${fingerprint(pair.slice(equals + 1))}`;
}
