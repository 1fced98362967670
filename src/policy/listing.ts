import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicySource } from './cedar-source.ts';
import type { Cedar } from './cedar-wasm.ts';
import { memberOf, nodeOf, pathOf } from './expressions.ts';

/** What a list of tools is made without: nobody knows yet with what they will be called. */
const unknown = [
  ['context', 'mcp', 'arguments'],
  ['context', 'mcp', 'opaque'],
];

/**
 * The policies as lists of tools ask them: what they make of arguments is left open, so that a tool is in a list if some arguments would let it be
 * called. undefined: no policy looks at them. Conditions of a permit that look at arguments are left out; a forbid that does is left out whole. The call itself is decided by all.
 */
export function forListing(cedar: Cedar, policies: readonly PolicySource[]): readonly PolicySource[] | undefined {
  let opened = false;
  const open = policies.flatMap((source) => {
    const { json } = source;
    const kept = json.conditions.filter(({ body }) => !readsUnknown(body));
    if (kept.length === json.conditions.length) return [source];
    opened = true;
    if (json.effect === 'forbid') return [];
    const without: PolicyJson = { ...json, conditions: kept };
    const answer = cedar.policyToText(without);
    if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
    return [{ ...source, json: without, text: answer.text }];
  });
  return opened ? open : undefined;
}

function readsUnknown(expr: Expr): boolean {
  const path = pathOf(expr) ?? probedPath(expr);
  if (path === undefined) return nodeOf(expr).args.some(readsUnknown);
  return unknown.some((each) => each.every((name, i) => path[i] === undefined || path[i] === name));
}

function probedPath(expr: Expr): readonly string[] | undefined {
  const member = 'has' in expr ? memberOf(expr) : undefined;
  const base = member === undefined ? undefined : pathOf(member.of);
  return member === undefined || base === undefined ? undefined : [...base, ...member.names];
}
