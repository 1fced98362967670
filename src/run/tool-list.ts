import { request } from 'node:http';
import type { JsonObject, JsonValue } from '../json-value.ts';

/** An MCP server, as our own proxy reaches it. */
export interface ListedServer {
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** Absolute-form, or a path on the proxy itself. */
  readonly target: string;
}

interface Answered {
  readonly status: number;
  readonly session: string | undefined;
  /** The JSON-RPC answer; undefined: there is none. */
  readonly message: JsonObject | undefined;
  readonly text: string;
}

const modern = '2026-07-28';
const legacy = '2025-11-25';
const mostPages = 1000;
const answerMs = 60_000;

/** All tools of a server, page by page: as 2026-07-28 has it, else in a session. Throws with what the server, or Exeat, said. */
export async function listTools(server: ListedServer): Promise<readonly JsonObject[]> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': modern,
    'io.modelcontextprotocol/clientInfo': { name: 'exeat', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const fields = { 'mcp-protocol-version': modern, 'mcp-method': 'tools/list' };
  const first = await ask(server, { method: 'tools/list', params: { _meta: meta } }, fields);
  if (isObject(first.message?.['result'])) {
    return pages(first, (cursor) => ask(server, { method: 'tools/list', params: { cursor, _meta: meta } }, fields));
  }
  return inSession(server);
}

async function inSession(server: ListedServer): Promise<readonly JsonObject[]> {
  const params = { protocolVersion: legacy, capabilities: {}, clientInfo: { name: 'exeat', version: '1' } };
  const opened = await ask(server, { method: 'initialize', params });
  const result = opened.message?.['result'];
  if (!isObject(result)) throw new Error(failure('initialize', opened));
  const version = result['protocolVersion'];
  const fields = {
    'mcp-protocol-version': typeof version === 'string' ? version : legacy,
    ...(opened.session === undefined ? {} : { 'mcp-session-id': opened.session }),
  };
  await send(server, { jsonrpc: '2.0', method: 'notifications/initialized' }, fields);
  const list = (cursor?: string) => ask(server, { method: 'tools/list', params: cursor === undefined ? {} : { cursor } }, fields);
  return pages(await list(), list);
}

async function pages(first: Answered, next: (cursor: string) => Promise<Answered>): Promise<readonly JsonObject[]> {
  const tools: JsonObject[] = [];
  let answer = first;
  for (let page = 0; page < mostPages; page += 1) {
    const result = answer.message?.['result'];
    const listed = isObject(result) ? result['tools'] : undefined;
    if (!isObject(result) || !Array.isArray(listed) || !listed.every(isObject)) throw new Error(failure('tools/list', answer));
    tools.push(...listed);
    const cursor = result['nextCursor'];
    if (typeof cursor !== 'string' || cursor === '') return tools;
    answer = await next(cursor);
  }
  throw new Error(`the list has no end: ${mostPages} pages were read`);
}

let requests = 0;

function ask(server: ListedServer, message: object, fields: Record<string, string> = {}): Promise<Answered> {
  requests += 1;
  return send(server, { jsonrpc: '2.0', id: requests, ...message }, fields);
}

function send({ proxy, target }: ListedServer, message: object, fields: Record<string, string>): Promise<Answered> {
  const at = proxy.lastIndexOf(':');
  const body = JSON.stringify(message);
  const headers = {
    host: URL.parse(target)?.host ?? proxy,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    accept: 'application/json, text/event-stream',
    ...fields,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: proxy.slice(0, at),
      port: proxy.slice(at + 1),
      method: 'POST',
      path: target,
      headers,
      timeout: answerMs,
    });
    outgoing.on('error', reject).on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const session = response.headers['mcp-session-id'];
        resolve({
          status: response.statusCode ?? 0,
          session: typeof session === 'string' ? session : undefined,
          message: answerIn(text),
          text,
        });
      });
    });
    outgoing.end(body);
  });
}

/** The answer itself: the body, or the last event that holds a result or an error. */
function answerIn(text: string): JsonObject | undefined {
  const candidates = [text, ...text.split(/\r?\n/).flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length)] : []))];
  for (const each of candidates.toReversed()) {
    const value = parsed(each);
    if (isObject(value) && (value['result'] !== undefined || value['error'] !== undefined)) return value;
  }
  return undefined;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function failure(what: string, { status, text }: Answered): string {
  return `${what} was answered with ${status}: ${text.slice(0, 500).replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')}`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
