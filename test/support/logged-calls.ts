import { parseConfig } from '../../src/config/load.ts';
import type { CallEvent } from '../../src/audit/audit.ts';
import { openBench, type Bench } from '../../src/review/bench.ts';
import type { CallLog } from '../../src/review/log.ts';

/** A bench with these policies in a folder, and destinations of each protocol. */
export function benchOf(directory: string): Bench {
  return openBench(
    parseConfig(
      `
intents: { triage: { description: x, destinations: [github, multi, kb, model, helper, desk] }, report: { description: y, destinations: [github] } }
policy: { engine: cedar, directory: ${JSON.stringify(directory)} }
destinations:
  github: { hosts: [api.github.com], operations: ["/repos/{owner}/{repo}/issues"] }
  multi: { hosts: [a.example.com, b.example.com, "*.c.example.com"] }
  kb: { hosts: [kb.example.com], protocol: mcp }
  model: { hosts: [model.example.com], protocol: llm }
  helper: { hosts: [helper.example.com], protocol: a2a }
  desk: { hosts: [desk.example.com], protocol: grpc }
`,
      'test.yaml',
    ),
  );
}

const hosts: Readonly<Record<string, string>> = {
  github: 'api.github.com',
  multi: 'a.example.com',
  kb: 'kb.example.com',
  model: 'model.example.com',
  helper: 'helper.example.com',
  desk: 'desk.example.com',
};

let calls = 0;

/** A call as its event tells it; `operation` is `destination group resource`. */
export function called(operation: string, more: Partial<CallEvent> = {}): CallEvent {
  const [destination = ''] = operation.split(' ', 1);
  const resource = operation.split(' ').slice(2).join(' ');
  calls += 1;
  return {
    kind: 'call',
    call: `call_${calls}`,
    door: 'forward',
    agent: 'https://issuer|agent',
    task: 'task_1',
    intent: 'triage',
    destination,
    operation,
    method: 'GET',
    host: hosts[destination],
    path: resource.startsWith('/') ? resource : '/mcp',
    decision: 'allow',
    policies: ['p'],
    planned: true,
    request_bytes: 0,
    response_bytes: 0,
    received_at: Date.UTC(2026, 10, 1),
    duration_ms: 1,
    ...more,
  };
}

export function logOf(events: readonly CallEvent[], origin: string | undefined = 'orchestrator'): CallLog {
  return { calls: events, origins: new Map(origin === undefined ? [] : [['task_1', origin]]) };
}
