// http-proxy-3 as a forward proxy: bare as its documentation's first example sets it up, or (`keep-alive`) with an agent that keeps upstream
// connections. The second is the harder one to beat, and what a careful user runs.
import { Agent, createServer, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'http-proxy-3';

const target = `http://127.0.0.1:${process.argv[2]}`;
const proxy = createProxyServer(process.argv[3] === 'keep-alive' ? { target, agent: new Agent({ keepAlive: true }) } : { target });
proxy.on('error', (_error, _request, response) => {
  if (response instanceof ServerResponse && !response.headersSent) response.writeHead(502);
  response?.end();
});

const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
  const url = request.url ?? '/';
  if (!url.startsWith('/')) request.url = url.slice(url.indexOf('/', 7));
  proxy.web(request, response);
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
