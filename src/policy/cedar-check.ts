import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';
import { lineAt, type PolicySource } from './cedar-source.ts';
import { slipsIn } from './cedar-slips.ts';
import type { PolicySet } from './cedar-engine.ts';
import type { Cedar } from './cedar-wasm.ts';

export interface Checked {
  /** Each names file, line and policy, and makes the set unusable. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Finds what makes a policy mean less than its author thinks. Cedar's own validation accepts unknown ids and literals, and only
 * warns, or says nothing, about a name misspelt behind `has`; so its warnings count as errors and each policy is walked as well.
 */
export function checkPolicies(cedar: Cedar, { policies, vocabulary }: PolicySet): Checked {
  const { byPolicy, problems } = validationOf(cedar, { policies, vocabulary });
  const warnings: string[] = [];
  for (const source of policies) {
    const slips = slipsIn(source, vocabulary);
    const theirs = (byPolicy.get(source.id) ?? []).filter(({ message }) => slips.problems.length === 0 || !echo.test(message));
    const said = theirs.map((error) => `${source.file}:${lineOf(source, error)} policy "${source.id}": ${messageOf(error)}`);
    problems.push(...slips.problems, ...new Set(said));
    warnings.push(...slips.warnings);
  }
  return { problems, warnings };
}

/** What Cedar says about, or because of, the very things that the walk has already named. */
const echo = /enumerated entity type|unrecognized (action|entity type)|attribute .* not found|unable to find an applicable|is impossible/;

interface Validation {
  readonly byPolicy: ReadonlyMap<string, readonly DetailedError[]>;
  readonly problems: string[];
}

function validationOf(cedar: Cedar, { policies, vocabulary }: PolicySet): Validation {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  const answer = cedar.validate({ schema: vocabulary.schema, policies: { staticPolicies } });
  if (answer.type === 'failure') return { byPolicy: new Map(), problems: answer.errors.map(({ message }) => message) };
  const found = [...answer.validationErrors, ...answer.validationWarnings];
  const byPolicy = new Map([...Map.groupBy(found, ({ policyId }) => policyId)].map(([id, of]) => [id, of.map(({ error }) => error)]));
  return { byPolicy, problems: answer.otherWarnings.map(({ message }) => message) };
}

function lineOf(source: PolicySource, { sourceLocations }: DetailedError): number {
  return lineAt(source, sourceLocations?.[0]?.start ?? 0);
}

/** Cedar repeats itself for each action; without the action's name the repetitions are the same text. */
function messageOf({ message, help }: DetailedError): string {
  const said = help === undefined || help === null ? message : `${message}; ${help}`;
  return said
    .replace(/for policy `[^`]*`[,:] /g, '')
    .replace(/ in context for Action::"[^"]*"/, '')
    .replace(/\s+/g, ' ');
}
