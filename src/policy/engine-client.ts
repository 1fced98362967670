import { randomUUID } from 'node:crypto';
import { createHistogram } from '../histogram.ts';
import { readSecret, type SecretReference } from '../settings.ts';
import type { RemoteCounts } from './policy.ts';

/** `fetch` through the guard that all connections of ours go through. */
export type GuardedFetch = (url: string, init: object) => Promise<Response>;

/** One policy engine elsewhere. */
export interface EngineClient {
  /** The JSON of a 200. Throws, for operators to read, for anything else, and unasked while the engine is left alone. */
  post(path: string, body: object, signal?: AbortSignal): Promise<unknown>;
  readonly counts: RemoteCounts;
}

export interface EngineClientOptions {
  readonly url: string;
  /** Read anew for each question. */
  readonly token: SecretReference | undefined;
  /** For the whole of question and answer. */
  readonly timeoutMs: number;
  readonly fetch: GuardedFetch;
  readonly now?: () => number;
}

const largestAnswerBytes = 1024 ** 2;
/** So many failures one after the other, and nobody waits for it this long; then one question finds out. */
const mostFailures = 5;
const pauseMs = 1000;
const notJson = 'the engine answered with something other than JSON';

export function createEngineClient({ url, token, timeoutMs, fetch, now = Date.now }: EngineClientOptions): EngineClient {
  const durations = createHistogram();
  let failed = 0;
  let inARow = 0;
  let askAgainAt = 0;
  const isPaused = (): boolean => inARow >= mostFailures && now() < askAgainAt;

  async function ask(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const response = await fetch(new URL(`${new URL(url).pathname.replace(/\/$/, '')}${path}`, url).href, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'x-request-id': randomUUID(),
        ...(token === undefined ? {} : { authorization: `Bearer ${readSecret(token).reveal()}` }),
      },
      body: JSON.stringify(body),
      signal,
    });
    const [type] = (response.headers.get('content-type') ?? '').split(';');
    if (response.status === 200 && type?.trim().toLowerCase() === 'application/json') return parse(await readText(response));
    await response.body?.cancel();
    if (response.status === 200) throw new Unanswered(notJson, true);
    throw new Unanswered(`the engine answered ${response.status}`, response.status < 500 && response.status !== 429);
  }

  return {
    async post(path, body, signal) {
      if (isPaused()) throw new Error('the engine has failed repeatedly and is asked again in a moment');
      // Whoever comes now finds out; the others wait for what it finds.
      if (inARow >= mostFailures) askAgainAt = now() + pauseMs;
      const begun = now();
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const answer = await ask(path, body, signal === undefined ? timeout : AbortSignal.any([timeout, signal]));
        inARow = 0;
        return answer;
      } catch (error) {
        failed += 1;
        if (error instanceof Unanswered && error.alive) inARow = 0;
        else if (signal?.aborted !== true) inARow += 1;
        askAgainAt = now() + pauseMs;
        throw new Error(timeout.aborted ? `the engine did not answer within ${timeoutMs} ms` : reasonOf(error), { cause: error });
      } finally {
        durations.add(now() - begun);
      }
    },
    counts: {
      durations,
      get failed() {
        return failed;
      },
      get paused() {
        return isPaused();
      },
    },
  };
}

/** An answer that is none. */
class Unanswered extends Error {
  /** The engine itself is well: it is this question that it does not answer. */
  readonly alive: boolean;

  constructor(message: string, alive: boolean, options?: ErrorOptions) {
    super(message, options);
    this.alive = alive;
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > largestAnswerBytes) throw new Unanswered('the engine answered with too much', true);
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Unanswered(notJson, true, { cause });
  }
}

/** Nothing that the engine says ends up in it. */
function reasonOf(error: unknown): string {
  if (error instanceof Unanswered) return error.message;
  const { cause } = error instanceof Error ? error : {};
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return `the engine cannot be reached${code}`;
}
