import { LRUCache } from 'lru-cache';

/** A legacy session, bound to the task that opened it. */
interface Session {
  readonly task: string;
  /** What the server has asked on it and not been answered: method by request id, as JSON. */
  readonly asked: LRUCache<string, string>;
}

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
  /** A handle that only this task may use: of a server's own task, or the state of a call that waits for input. */
  noteHandle(destination: string, handle: string, of: Handle): void;
  handle(destination: string, handle: string): Handle | undefined;
}

export interface Handle {
  readonly task: string;
  /** Of a call that waits: the methods it asks for, by key. */
  readonly asks?: ReadonlyMap<string, string>;
}

const mostSessions = 10_000;
const mostAskedOnOne = 100;
const mostHandles = 20_000;

export function createMcpMemory(): McpMemory {
  const sessions = new LRUCache<string, Session>({ max: mostSessions });
  const handles = new LRUCache<string, Handle>({ max: mostHandles });
  const askedOf = (destination: string, on: string): LRUCache<string, string> => {
    const key = keyOf(destination, on);
    const session = sessions.get(key) ?? { task: on, asked: new LRUCache<string, string>({ max: mostAskedOnOne }) };
    sessions.set(key, session);
    return session.asked;
  };
  return {
    opened: (destination, session, task) =>
      void sessions.set(keyOf(destination, session), { task, asked: new LRUCache<string, string>({ max: mostAskedOnOne }) }),
    taskOf: (destination, session) => sessions.get(keyOf(destination, session))?.task,
    closed: (destination, session) => void sessions.delete(keyOf(destination, session)),
    asked: (destination, on, { id, method }) => void askedOf(destination, on).set(id, method),
    askedMethod: (destination, { on, id }) => sessions.get(keyOf(destination, on))?.asked.get(id),
    noteHandle: (destination, handle, of) => void handles.set(keyOf(destination, handle), of),
    handle: (destination, handle) => handles.get(keyOf(destination, handle)),
  };
}

function keyOf(destination: string, name: string): string {
  return `${destination} ${name}`;
}
