import type { Requested } from '../call.ts';
import type { Target } from '../destination.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Task } from '../tasks/task.ts';

/** Whom a message may have others call: what they do from their own network comes by no proxy. */
export interface Reach {
  readonly task: Task | undefined;
  readonly resolve: (requested: Requested) => Target | Refusal;
}

/** The names of the destinations that these URLs are of; a refusal where one is of none, or of one that the task may not use. */
export function destinationsReached(urls: readonly string[], { task, resolve }: Reach): readonly string[] | Refusal {
  const names = new Set<string>();
  for (const url of urls) {
    const requested = requestedOf(url);
    const target = requested && resolve(requested);
    if (target === undefined || isRefusal(target)) return refuse('destination_unknown', { detail: unknown });
    if (task?.destinations.has(target.destination.name) !== true) return refuse('destination_outside_intent', { detail: outside });
    names.add(target.destination.name);
  }
  return [...names];
}

const unknown =
  'The message has the other side reach a URL that is of no configured destination. Send the content itself, or ask the operator to add the destination.';
const outside = "The message has the other side reach a destination that is not part of the task's intent. Send the content itself.";

/** As RFC 3986 and WHATWG's URL both read it; of anything else another reader may take another host. */
const plain = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?:[/?#][^\\\s]*)?$/i;

function requestedOf(text: string): Requested | undefined {
  if (!plain.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null) return undefined;
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  return { door: 'tunnel', scheme, host: url.hostname, port, path: url.pathname, query: url.search, encodedReserved: false };
}
