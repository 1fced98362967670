import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './broker.ts';
import { call, type Answered } from './call.ts';
import { startOrigin, type Answer, type Origin } from './origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from './sidecar.ts';

/** A destination that knows the credential it was sent, and a sidecar with one task that sends it. */
export interface EchoWorld extends AsyncDisposable {
  readonly secret: string;
  readonly origin: Origin;
  readonly exeat: TestSidecar;
  readonly authorization: string;
  ask(path: string, fields?: readonly string[], method?: string): Promise<Answered>;
}

export async function startEcho(answer: (secret: string) => Answer, more: object = {}): Promise<EchoWorld> {
  const stack = new AsyncDisposableStack();
  const secret = `sk/${randomBytes(24).toString('base64')}`;
  const file = join(stack.use(temporaryFolder()).path, 'secret');
  writeFileSync(file, secret);
  const origin = stack.use(await startOrigin(answer(secret)));
  const value = { kind: 'static', header: 'authorization', prefix: 'Bearer ', value: { file }, expires: '2999-01-01', reason: 'test' };
  const exeat = stack.use(await startTestSidecar({ destinations: { api: loopback(origin, { credential: value, ...more }) } }));
  const { authorization } = exeat.open();
  return {
    secret,
    origin,
    exeat,
    authorization,
    ask: (path, fields = [], method = 'GET') => call(origin.url + path, { proxy: exeat.proxy, authorization, fields, method }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A strong validator, as origins make them. */
export function etagOf(body: string | Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('hex')}"`;
}
