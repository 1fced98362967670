import type { ServerResponse } from 'node:http';
import { startOrigin, type Origin } from './origin.ts';

/** What a server answers to a method: the result, several JSON-RPC messages as events of which the last is the answer, or whatever it writes itself. */
export type McpAnswer = object | { readonly events: readonly object[] } | { readonly raw: (response: ServerResponse) => void };

export interface McpServer extends Origin {
  /** The messages it was sent, parsed. */
  readonly messages: Record<string, unknown>[];
}

/** A small MCP server on loopback (Streamable HTTP), with sessions where it is asked to initialize. A GET is asked of `answer` as the method `GET`. */
export async function startMcpServer(answer: (method: string, params: Record<string, unknown>) => McpAnswer): Promise<McpServer> {
  const messages: Record<string, unknown>[] = [];
  const origin = await startOrigin((request, response, seen) => {
    void seen.body;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'GET') {
        const found = answer('GET', {});
        if ('raw' in found) return found.raw(response);
        return response.writeHead(200, { 'content-type': 'text/event-stream' }).end(eventsOf('events' in found ? found.events : []));
      }
      if (request.method === 'DELETE') return response.writeHead(200).end();
      const message = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      messages.push(message);
      const { id, method, params = {} } = message;
      if (typeof method !== 'string' || id === undefined) return response.writeHead(202).end();
      const found = answer(method, params as Record<string, unknown>);
      const session = method === 'initialize' ? { 'mcp-session-id': 'session-1' } : {};
      if ('raw' in found) return found.raw(response);
      if ('events' in found) {
        return response.writeHead(200, { 'content-type': 'text/event-stream', ...session }).end(eventsOf(found.events));
      }
      response.writeHead(200, { 'content-type': 'application/json', ...session });
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, result: found }));
    });
  });
  return { ...origin, messages, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() };
}

export function eventsOf(messages: readonly object[]): string {
  return messages.map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`).join('');
}

/** A tool's definition. */
export function toolNamed(name: string, more: object = {}): object {
  return { name, description: `Does ${name}`, inputSchema: { type: 'object', properties: { q: { type: 'string' } } }, ...more };
}
