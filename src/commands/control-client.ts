import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { defaultFolders } from '../config/folders.ts';

/** Options of every command that speaks to a running sidecar. */
export const controlOptions = {
  control: { type: 'string' },
  'token-file': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

export const controlHelp = `  --control URL       the sidecar's control API; default: EXEAT_CONTROL, else http://127.0.0.1:7071. Also unix:/path
  --token-file FILE   holds the bearer token; default: EXEAT_TOKEN_FILE, else the one that serve made for this user
  --json              print the answer as JSON`;

/** A running sidecar, as someone with a role speaks to it. */
export interface ControlClient {
  /** The answer's JSON. Throws with the refusal's words. */
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
}

export interface ControlSettings {
  readonly control: string | undefined;
  readonly tokenFile: string | undefined;
  /** Whose token is taken when no file was named. */
  readonly role: 'operator' | 'orchestrator' | 'approver';
}

/** Ending a task drains it and asks every issuer to revoke. */
const longestAnswerMs = 300_000;

/** Throws, with nothing sent, when there is no token or it would travel in clear. */
export function createControlClient(settings: ControlSettings, env: NodeJS.ProcessEnv = process.env): ControlClient {
  const address = settings.control ?? env['EXEAT_CONTROL'] ?? 'http://127.0.0.1:7071';
  const socketPath = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
  if (socketPath === undefined && !URL.canParse(address)) throw new Error(`--control ${address} is neither a URL nor unix:/path`);
  const base = new URL(socketPath === undefined ? address : 'http://localhost');
  if (!/^https?:$/.test(base.protocol)) throw new Error(`--control ${address} must begin with http:, https: or unix:`);
  if (base.protocol === 'http:' && !/^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(base.hostname)) {
    throw new Error(`the token would travel in clear to ${base.host}; use https, or a tunnel to loopback`);
  }
  const token = tokenFrom(settings.tokenFile ?? env['EXEAT_TOKEN_FILE'] ?? join(defaultFolders().tokens, `${settings.role}.token`));
  return {
    async call(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${token}`,
        ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      };
      const { status, answer } = await exchange(new URL(path, base), { method, headers, socketPath }, text);
      if (status >= 200 && status < 300) return answer;
      throw new Error(refusalText(status, answer));
    },
  };
}

function tokenFrom(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new Error(`no token: ${file} cannot be read (${code}); name another with --token-file`, { cause });
  }
  if (!/^[\w.~+/-]+=*$/.test(text)) throw new Error(`${file} does not hold a bearer token`);
  return text;
}

interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly socketPath: string | undefined;
}

function exchange(url: URL, sent: Sent, body: string | undefined): Promise<{ status: number; answer: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: unknown }>();
  const { method, headers, socketPath } = sent;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send(url, { method, headers, timeout: longestAnswerMs, ...(socketPath === undefined ? {} : { socketPath }) });
  const failed = (error: Error): void => {
    const where = socketPath === undefined ? url.host : socketPath;
    reject(new Error(`the control API at ${where} cannot be reached: ${error.message || error.name}`, { cause: error }));
  };
  request.on('error', failed);
  request.on('timeout', () => request.destroy(new Error('no answer in time')));
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', failed);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, answer: jsonOf(Buffer.concat(chunks).toString()) }));
  });
  request.end(body);
  return promise;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalText(status: number, answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'detail' in answer && 'code' in answer) {
    return `${String(answer.detail)} (${String(answer.code)})`;
  }
  return `the answer was ${status}, and not from a control API`;
}
