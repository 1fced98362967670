import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as wasm from '@cedar-policy/cedar-wasm/nodejs';
import type { Destination } from '../destination.ts';
import { z } from '../settings.ts';
import { actionOf, cedarRequest } from './cedar-request.ts';
import type { AccessRequest, Decision, Explanation, PolicyDecisionPoint } from './policy.ts';
import { actionGroups, vocabularyOf } from './schema.ts';

export const kind = 'cedar';

export const config = z.strictObject({ engine: z.literal(kind), directory: z.string().min(1).default('config/policies') });

export interface CedarDependencies {
  readonly destinations: readonly Destination[];
  readonly intents: Readonly<Record<string, unknown>>;
}

/** What decides synchronously, and what `exeat check` should say about its policies. */
export interface CedarPolicy extends PolicyDecisionPoint {
  decide(request: AccessRequest): Decision;
  explain(request: AccessRequest): Explanation;
}

/** Loads every `*.cedar` file of the directory. Throws with all problems when one of them cannot be relied on. */
export function create({ directory }: z.output<typeof config>, { destinations, intents }: CedarDependencies): CedarPolicy {
  const vocabulary = vocabularyOf(destinations, Object.keys(intents));
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.cedar'))
    .sort();
  const staticPolicies: Record<string, string> = {};
  for (const file of files) {
    const parts = wasm.policySetTextToParts(readFileSync(join(directory, file), 'utf8'));
    if (parts.type === 'failure') throw new Error(parts.errors.map(({ message }) => `${file}: ${message}`).join('\n'));
    for (const [index, text] of parts.policies.entries()) {
      const json = wasm.policyToJson(text);
      const id = json.type === 'success' ? json.json.annotations?.['id'] : undefined;
      staticPolicies[id ?? `${file}:${index}`] = text;
    }
  }
  const validation = wasm.validate({ schema: vocabulary.schema, policies: { staticPolicies } });
  const problems =
    validation.type === 'failure'
      ? validation.errors
      : [...validation.validationErrors, ...validation.validationWarnings].map(({ error }) => error);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  const digest = createHash('sha256')
    .update(JSON.stringify([vocabulary.schema, staticPolicies]))
    .digest('base64url');
  for (const answer of [wasm.preparsePolicySet(digest, { staticPolicies }), wasm.preparseSchema(digest, vocabulary.schema)]) {
    if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('\n'));
  }
  return {
    digest,
    warnings: [],
    decide: evaluate,
    explain: (request) => ({ decision: evaluate(request), policies: [], errors: [] }),
  };

  function evaluate(request: AccessRequest): Decision {
    if (actionGroups[actionOf(request)] === undefined && actionOf(request) !== 'mint') return { allow: false, policies: [] };
    try {
      const call = cedarRequest(request, vocabulary.attributes);
      const answer = wasm.statefulIsAuthorized({
        ...call,
        preparsedPolicySetId: digest,
        preparsedSchemaName: digest,
        validateRequest: true,
      });
      if (answer.type === 'failure') return failed(answer.errors.map(({ message }) => message));
      const { decision, diagnostics } = answer.response;
      if (diagnostics.errors.length > 0) return failed(diagnostics.errors.map(({ error }) => error.message));
      return { allow: decision === 'allow', policies: diagnostics.reason };
    } catch (error) {
      return failed([String(error)]);
    }
  }
}

function failed(messages: readonly string[]): Decision {
  return { allow: false, policies: [], error: messages.join('; ') };
}
