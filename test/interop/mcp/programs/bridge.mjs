// SERVER FOLDER: one of the reference servers, which speak over standard input and output, behind Streamable HTTP: prints its port.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

const [, , name, folder] = process.argv;
const script = join(dirname(createRequire(import.meta.url).resolve(`@modelcontextprotocol/${name}/package.json`)), 'dist/index.js');
const sessions = new Map();

async function open() {
  const env = { ...process.env, MEMORY_FILE_PATH: join(folder, `${randomUUID()}.jsonl`) };
  const stdio = new StdioClientTransport({ command: process.execPath, args: [script, folder], env, stderr: 'ignore' });
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  Object.assign(transport, { onmessage: (message) => void stdio.send(message) });
  Object.assign(stdio, { onmessage: (message) => void transport.send(message, { relatedRequestId: message.id }) });
  await stdio.start();
  await transport.start();
  return transport;
}

const http = createServer((request, response) => void handle(request, response));
http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: http.address().port })));

async function handle(request, response) {
  const transport = sessions.get(request.headers['mcp-session-id']) ?? (await open());
  await transport.handleRequest(request, response);
}
