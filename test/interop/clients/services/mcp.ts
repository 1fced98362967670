import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { start } from '../../support/program.ts';
import { environment } from '../../support/tools.ts';
import type { Deed, ServiceClient } from '../service-client.ts';

/** The sampling that `followed` has the server ask for is never answered, so that the stream goes on. */
export const tools: Readonly<Record<Deed, string>> = { allowed: 'echo', denied: 'get-env', followed: 'trigger-sampling-request' };

export const policy = `permit (principal, action in [Action::"initialize", Action::"list_tools"], resource);
permit (principal, action == Action::"call_tool", resource) unless { context.mcp.tool == "${tools.denied}" };`;

export const destination = { protocol: 'mcp' };

/** server-everything, which knows neither TLS nor tokens, behind a server that does, and says in `interop-caller` who called. */
export function serveEverything(script: () => string): ServiceClient['serve'] {
  return ({ cert, key, admit }) => {
    const folder = mkdtempSync(join(tmpdir(), 'exeat-everything-'));
    const socketPath = join(folder, 'socket');
    const everything = start(process.execPath, [script(), 'streamableHttp'], { env: { ...environment(), PORT: socketPath } });
    const ready = everything.until(/listening/);

    async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const claims = await admit(request.headers);
      if (claims === undefined) return void response.writeHead(401).end();
      await ready;
      const { method, url, headers } = request;
      const asked = ask({ socketPath, method, path: url, headers });
      const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
      await pipeline(request, asked);
      const [told] = await answered;
      response.writeHead(told.statusCode ?? 502, { ...told.headers, 'interop-caller': JSON.stringify(claims) });
      await pipeline(told, response);
    }

    const server = createServer({ cert, key }, (request, response) => void answer(request, response).catch(() => response.destroy()));
    return server.once('close', () => {
      rmSync(folder, { recursive: true, force: true });
      void everything[Symbol.asyncDispose]();
    });
  };
}
