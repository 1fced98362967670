import { LRUCache } from 'lru-cache';
import type { Attribute } from './attributes.ts';
import type { AccessRequest, Decision, DecisionCounts } from './policy.ts';
import type { ReadPlan, Reads } from './read-plan.ts';
import { actionOf } from './records.ts';
import { isAction, groupOf } from './schema.ts';

interface Decides {
  decide(request: AccessRequest): Decision;
}

/** Cedar's instants are written with four digits of year; beyond them the answer is an error, which no test foresees. */
const lastTime = Date.UTC(10_000, 0);

/**
 * Answers a call as an earlier one that was the same in everything that policies in its scope can read. Failures are not kept.
 * Entries never go stale, since nothing else enters a decision; a reload makes a new cache.
 */
export function cached<P extends Decides>(pdp: P, plan: ReadPlan, { max = 10_000 } = {}): P & { readonly counts: DecisionCounts } {
  const decisions = new LRUCache<string, Decision>({ max });
  const scopes: Scopes = new Map();
  let scopesSoFar = 0;
  const counts = { cached: 0, evaluated: 0 };
  return { ...pdp, decide, counts };

  function decide(request: AccessRequest): Decision {
    const scope = scopeOf(request);
    if (scope === undefined) return evaluate(request);
    const key = keyOf(scope, request);
    const known = decisions.get(key);
    if (known !== undefined) {
      counts.cached += 1;
      return known;
    }
    const decision = evaluate(request);
    if (decision.error === undefined) decisions.set(key, decision);
    return decision;
  }

  function evaluate(request: AccessRequest): Decision {
    counts.evaluated += 1;
    return pdp.decide(request);
  }

  function scopeOf(request: AccessRequest): Scope | undefined {
    const { operation, target, task, time } = request;
    if (!isAction(operation.group) && groupOf(operation.action) !== operation.group) return undefined;
    // Cedar refuses a request whose parts it cannot read, whatever the policies look at.
    if (!(Number.isSafeInteger(time) && time >= 0 && time < lastTime) || !plan.intents.has(task.intent)) return undefined;
    const action = actionOf(request);
    const template = operation.templated ? operation.resource : '';
    return scopes.get(action)?.get(target.destination.name)?.get(template) ?? openScope(action, target.destination.name, template);
  }

  /** Only scopes that the config knows are kept, so their number has a bound. */
  function openScope(action: string, destination: string, template: string): Scope | undefined {
    const reads = plan.readsFor({ action, destination, ...(template !== '' && { template }) });
    if (reads === undefined) return undefined;
    scopesSoFar += 1;
    const scope = { id: `${scopesSoFar}:`, ...reads };
    const destinations = scopes.get(action) ?? new Map<string, Map<string, Scope>>();
    const templates = destinations.get(destination) ?? new Map<string, Scope>();
    scopes.set(action, destinations.set(destination, templates.set(template, scope)));
    return scope;
  }
}

/** Action, destination and template (or ''): one look-up each, nothing built for it. */
type Scopes = Map<string, Map<string, Map<string, Scope>>>;

interface Scope extends Reads {
  readonly id: string;
}

/** The scope fixes how many answers and values follow, and each value says its length, so no two calls that differ share a key. */
function keyOf({ id, tests, values }: Scope, request: AccessRequest): string {
  let key = id;
  for (const test of tests) {
    const answer = test.answer(request);
    key += answer === undefined ? '?' : answer ? '1' : '0';
  }
  for (const attribute of values) key += valueText(attribute, request);
  return key;
}

function valueText(attribute: Attribute, request: AccessRequest): string {
  const value = attribute.read(request);
  if (value === undefined) return '-';
  if (typeof value === 'string') return `${value.length}:${value}`;
  return typeof value === 'boolean' ? (value ? '1' : '0') : JSON.stringify(value);
}
