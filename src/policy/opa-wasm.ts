import { createRequire } from 'node:module';
import type * as opa from '@open-policy-agent/opa-wasm';
import type { Bundle } from './bundle.ts';

/** What it exports for `import` lacks `loadPolicySync`. */
const { loadPolicySync } = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as typeof opa;

/** More than that is no policy's: 64 MiB. */
const mostPages = 1024;

/**
 * The value of a rule for an input; undefined where the rule is. Throws when it cannot be evaluated: afterwards its memory is not relied on, and
 * the next call has a new one. It cannot be interrupted.
 */
export function loadWasm({ files, revision }: Bundle, rule: string): (input: object) => unknown {
  const wasm = files.get('policy.wasm');
  if (wasm === undefined) throw new Error('the policy bundle has no policy.wasm: make it with "opa build -t wasm"');
  const data = files.get('data.json');
  const load = () => {
    const policy = loadPolicySync(wasm, { initial: 5, maximum: mostPages });
    if (data !== undefined) policy.setData(Uint8Array.from(data).buffer);
    return policy;
  };
  let policy = load();
  if (!Object.hasOwn(policy.entrypoints, rule))
    throw new Error(`the policy bundle ${revision ?? ''} has no entry point ${rule}: it has ${Object.keys(policy.entrypoints).join(', ')}`);
  return (input) => {
    try {
      const results: unknown = policy.evaluate(input, rule);
      return Array.isArray(results) && results.length > 0 ? (results[0] as { readonly result?: unknown }).result : undefined;
    } catch (cause) {
      policy = load();
      throw new Error(`the policy could not be evaluated: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };
}
