import { LRUCache } from 'lru-cache';

/** What is remembered of MCP servers between calls. Outlives a reload; a restart loses it, and clients begin anew. */
export interface McpMemory {
  /** The server has opened a session in answer to a task. */
  opened(destination: string, session: string, task: string): void;
  /** The task of a session; undefined: not known. */
  taskOf(destination: string, session: string): string | undefined;
  closed(destination: string, session: string): void;
  /** The server asks something: `on` is a session, or a task where there is none. */
  asked(destination: string, on: string, request: { readonly id: string; readonly method: string }): void;
  /** What the server's request with this id asked; undefined: it asked nothing by that id. */
  askedMethod(destination: string, request: { readonly on: string; readonly id: string }): string | undefined;
  /** The server has given this task something to come back with. `asks`: the methods it waits for the answers of, by key. */
  gave(destination: string, handle: Handle, asks?: Asks): void;
  /** What the server asks for with a handle; undefined: it has not given it to this task. */
  given(destination: string, handle: Handle): Asks | undefined;
}

export type Asks = ReadonlyMap<string, string>;

/** The id of a task of the server, or the state of a call that waits for input: good in one task of the agent alone. */
export interface Handle {
  readonly task: string;
  readonly name: string;
}

/** A legacy session, bound to the task that opened it. */
interface Session {
  readonly task: string;
  /** What the server has asked on it: method by request id, as JSON. */
  readonly asked: Map<string, string>;
}

const mostSessions = 10_000;
const mostAskedOnOne = 100;
const mostHandles = 20_000;
const nothing: Asks = new Map();

export function createMcpMemory(): McpMemory {
  const sessions = new LRUCache<string, Session>({ max: mostSessions });
  const handles = new LRUCache<string, Asks>({ max: mostHandles });
  const open = (key: string, task: string): Session => {
    const session = { task, asked: new Map<string, string>() };
    sessions.set(key, session);
    return session;
  };
  return {
    opened: (destination, session, task) => void open(keyOf(destination, session), task),
    taskOf: (destination, session) => sessions.get(keyOf(destination, session))?.task,
    closed: (destination, session) => void sessions.delete(keyOf(destination, session)),
    asked(destination, on, { id, method }) {
      const key = keyOf(destination, on);
      const { asked } = sessions.get(key) ?? open(key, on);
      asked.delete(id);
      asked.set(id, method);
      const [oldest] = asked.keys();
      if (asked.size > mostAskedOnOne && oldest !== undefined) asked.delete(oldest);
    },
    askedMethod: (destination, { on, id }) => sessions.get(keyOf(destination, on))?.asked.get(id),
    gave: (destination, { task, name }, asks = nothing) => void handles.set(keyOf(destination, task, name), asks),
    given: (destination, { task, name }) => handles.get(keyOf(destination, task, name)),
  };
}

/** Neither the names of destinations nor the ids of tasks have spaces. */
function keyOf(...parts: readonly string[]): string {
  return parts.join(' ');
}
