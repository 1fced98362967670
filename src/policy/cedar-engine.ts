import type { AuthorizationError } from '@cedar-policy/cedar-wasm/nodejs';
import type { ActionGroup } from '../protocol/operation.ts';
import { cedarRequest } from './cedar-request.ts';
import type { PolicySource } from './cedar-source.ts';
import { loadCedar, type Cedar } from './cedar-wasm.ts';
import { unasked } from './engine-answer.ts';
import type { AccessRequest, Decision, Explanation } from './policy.ts';
import { mint, type Vocabulary } from './schema.ts';
import { entitiesIn, headsOf } from './scope.ts';

/** Evaluates, every time anew (about 0.1 ms). */
export interface CedarEngine {
  decide(request: AccessRequest): Decision;
  explain(request: AccessRequest): Explanation;
}

export interface PolicySet {
  readonly policies: readonly PolicySource[];
  readonly vocabulary: Vocabulary;
}

/** The name of the one policy set and the one schema of each instance. */
const name = 'exeat';

/** Hands the policies and their schema to Cedar; throws when Cedar cannot read them. */
export function createEngine(cedar: Cedar, { policies, vocabulary }: PolicySet): CedarEngine {
  const byId = new Map(policies.map((source) => [source.id, source]));
  const namesMint = new Set(
    policies.filter(({ json }) => entitiesIn(headsOf(json).action).some(({ id }) => id === mint)).map(({ id }) => id),
  );
  const wantsApproval = new Set(policies.filter(({ json }) => 'approval' in (json.annotations ?? {})).map(({ id }) => id));
  let inUse = cedar;
  prepare(inUse, { policies, vocabulary });
  return {
    decide: (request) => evaluate(request).decision,
    explain: (request) => {
      const { decision, errors } = evaluate(request);
      const found = decision.policies.map((id) => byId.get(id)).filter((source) => source !== undefined);
      return { decision, policies: found.map(({ id, file, line }) => ({ id, file, line })), errors };
    },
  };

  function evaluate(request: AccessRequest): Evaluation {
    const { operation } = request;
    const beforehand = unasked(request);
    if (beforehand !== undefined) return { decision: beforehand, errors: beforehand.error === undefined ? [] : [beforehand.error] };
    try {
      const call = { ...cedarRequest(request, vocabulary.attributes), preparsedPolicySetId: name, preparsedSchemaName: name };
      const answer = inUse.statefulIsAuthorized({ ...call, validateRequest: true });
      if (answer.type === 'failure') return failed(answer.errors.map(({ message }) => message));
      const { decision, diagnostics } = answer.response;
      if (diagnostics.errors.length > 0) return failedPolicies(diagnostics.errors);
      return { decision: decisionOf(decision === 'allow', diagnostics.reason, operation.group), errors: [] };
    } catch (error) {
      if (error instanceof Error && error.name === 'RuntimeError') restart();
      return failed([`Cedar failed: ${String(error)}`]);
    }
  }

  /** A permit over all actions does not permit what creates standing access: a policy must name `mint` in its head. */
  function decisionOf(allow: boolean, reason: readonly string[], group: ActionGroup): Decision {
    const determining = allow && group === 'mint' ? reason.filter((id) => namesMint.has(id)) : reason;
    const sorted = determining.toSorted();
    const [rule] = sorted;
    if (!allow || rule === undefined) return { allow: false, policies: sorted };
    // One permit that asks for nothing is enough.
    return { allow: true, policies: sorted, ...(sorted.every((id) => wantsApproval.has(id)) && { approval: { rule } }) };
  }

  /** After a trap the memory cannot be trusted; the call that met it is denied, the next one gets a new instance. */
  function restart(): void {
    inUse = loadCedar();
    prepare(inUse, { policies, vocabulary });
  }
}

interface Evaluation {
  readonly decision: Decision;
  readonly errors: readonly string[];
}

function failed(errors: readonly string[], policies: readonly string[] = []): Evaluation {
  return { decision: { allow: false, policies, error: errors.join('; ') }, errors };
}

/** Cedar skips a policy that fails, so a failing `forbid` would forbid nothing: one failure denies the call. */
function failedPolicies(errors: readonly AuthorizationError[]): Evaluation {
  const sorted = errors.toSorted((a, b) => (a.policyId < b.policyId ? -1 : 1));
  return failed(
    sorted.map(({ policyId, error }) => `policy "${policyId}": ${error.message}`),
    sorted.map(({ policyId }) => policyId),
  );
}

function prepare(cedar: Cedar, { policies, vocabulary }: PolicySet): void {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  for (const answer of [cedar.preparsePolicySet(name, { staticPolicies }), cedar.preparseSchema(name, vocabulary.schema)]) {
    if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
  }
}
