// A server of the official SDK, 2026-07-28 and, where it is asked so, without sessions 2025: prints its port.
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { acceptedContent, createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const text = (words) => ({ content: [{ type: 'text', text: words }] });
const confirmation = z.object({ confirm: z.boolean() });
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'interop', version: '1.0.0' });
  server.registerTool('search', { description: 'Search', inputSchema: z.object({ q: z.string() }) }, ({ q }) => text(`found ${q}`));
  server.registerTool('delete', { description: 'Delete', inputSchema: z.object({ id: z.string() }) }, ({ id }) => text(`deleted ${id}`));
  server.registerTool('deploy', { description: 'Deploy', inputSchema: z.object({ env: z.string() }) }, ({ env }, context) => {
    const confirmed = acceptedContent(context.mcpReq.inputResponses, 'confirm', confirmation);
    if (confirmed?.confirm === true) return text(`deployed to ${env}`);
    const confirm = inputRequired.elicit({ message: `Deploy to ${env}?`, requestedSchema: confirmation });
    return inputRequired({ inputRequests: { confirm } });
  });
  server.registerResource('notes', 'doc://notes', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'some notes' }] }));
  server.registerResource('secrets', 'secret://all', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'not for you' }] }));
  return server;
});
const server = createServer(toNodeHandler(handler));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
