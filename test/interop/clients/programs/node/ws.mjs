// URL TOKEN
import { HttpsProxyAgent } from 'https-proxy-agent';
import { WebSocket } from 'ws';

const [, , url, token] = process.argv;

const socket = new WebSocket(url, {
  agent: new HttpsProxyAgent(process.env.https_proxy),
  headers: { Authorization: `Bearer ${token}` },
});
socket.on('message', (/** @type {Buffer} */ data) => console.log(data.toString()));
socket.on('close', (code, reason) => console.log(`closed: ${code} ${String(reason)}`));
socket.on('error', ({ message }) => console.log(message));
socket.on('unexpected-response', (_request, response) => {
  process.stdout.write(`refused: ${response.statusCode} `);
  response.pipe(process.stdout);
});
