import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execute } from '../support/program.ts';

export type GitBackend = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Git's own server side, `git http-backend`, run as CGI (RFC 3875) on the repositories of a folder. Whoever is let through may push. */
export async function createGitBackend(git: string, repositories: string): Promise<GitBackend> {
  const program = join((await execute(git, ['--exec-path'])).trim(), 'git-http-backend');
  return async (request, response) => {
    const { pathname, search } = new URL(request.url ?? '', 'http://git');
    const { headers } = request;
    const child = spawn(program, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: repositories,
        GIT_HTTP_EXPORT_ALL: '1',
        REMOTE_USER: 'agent',
        REQUEST_METHOD: request.method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: headers['content-type'],
        CONTENT_LENGTH: headers['content-length'],
        HTTP_CONTENT_ENCODING: headers['content-encoding'],
        GIT_PROTOCOL: headers['git-protocol']?.toString(),
      },
    });
    const sent = pipeline(request, child.stdin);
    // Before anything else, so that no end is missed.
    const ended = once(child, 'close');
    let head = Buffer.alloc(0);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      if (response.headersSent) {
        response.write(chunk);
        continue;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) continue;
      const fields = head.subarray(0, end).toString('latin1').split('\r\n');
      const pairs = fields.map((field) => field.split(/: *(.*)/, 2) as [string, string]);
      const status = pairs.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200';
      response.writeHead(Number.parseInt(status, 10), pairs.filter(([name]) => name.toLowerCase() !== 'status').flat());
      response.write(head.subarray(end + 4));
    }
    await Promise.all([sent, ended]);
    response.end();
  };
}
