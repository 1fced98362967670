import Module, { createRequire } from 'node:module';
import type * as cedar from '@cedar-policy/cedar-wasm/nodejs';

/** Cedar's functions over one WebAssembly memory. */
export type Cedar = typeof cedar;

const path = createRequire(import.meta.url).resolve('@cedar-policy/cedar-wasm/nodejs');

/**
 * A Cedar with a memory of its own (about 10 ms). Two things need it: Cedar never forgets a policy set it has parsed, and whatever
 * breaks one memory (a policy nested too deeply does) must not break the policies in force.
 */
export function loadCedar(): Cedar {
  // Not by `require` or `import`: their caches would hand out, and keep, the same instance.
  const module = new Module(path) as Module & { load(filename: string): void };
  module.load(path);
  return module.exports as Cedar;
}
