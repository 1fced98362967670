import { inForce, policyInForce } from './config/in-force.ts';
import type { Config } from './config/schema.ts';
import { buildGraph, type BuiltGraph, type GraphParts } from './graph.ts';
import type { Graph } from './pipeline.ts';

/** The graph of the moment: replaced whole by a reload, its policy alone by a newer bundle. */
export interface CurrentGraph extends AsyncDisposable {
  readonly graph: Graph;
  readonly config: Config;
  readonly providers: BuiltGraph['providers'];
  build(next: Config): Promise<BuiltGraph>;
  swap(next: BuiltGraph, config: Config): void;
  /** Says in the audit what is in force. */
  tell(how: 'loaded at start' | 'reloaded'): void;
  /** From now on newer policies come into force by themselves; told of each. */
  watch(onPolicy: () => void): void;
}

/** Longer than any stage may take between a call's begin and its dial: until then the old graph's pools stay usable. */
const retireAfterMs = 60_000;

export async function openGraph(first: Config, parts: GraphParts): Promise<CurrentGraph> {
  let config = first;
  let built = await buildGraph(config, parts);
  let onPolicy: (() => void) | undefined;

  function watch(): void {
    const watched = built;
    watched.policies.watch((policy) => {
      if (built.policies !== watched.policies) return;
      built = { ...built, graph: { ...built.graph, policy } };
      for (const event of policyInForce('a newer bundle', policy)) void parts.audit.append(event);
      onPolicy?.();
    });
  }

  return {
    get graph() {
      return built.graph;
    },
    get config() {
      return config;
    },
    get providers() {
      return built.providers;
    },
    build: (next) => buildGraph(next, parts),
    swap(next, settings) {
      const retired = built;
      [config, built] = [settings, next];
      void retired.policies.stop();
      setTimeout(() => void close(retired), retireAfterMs).unref();
      if (onPolicy !== undefined) watch();
    },
    tell(how) {
      for (const event of inForce(config, how, built.graph.policy)) void parts.audit.append(event);
    },
    watch(told) {
      onPolicy = told;
      watch();
    },
    // Calls may still be running: their pools end with the process.
    [Symbol.asyncDispose]: async () => built.policies[Symbol.asyncDispose](),
  };
}

async function close({ graph, policies }: BuiltGraph): Promise<void> {
  await Promise.all([graph.upstream[Symbol.asyncDispose](), policies[Symbol.asyncDispose]()]);
}
