// Node's own WebSocket: URL TOKEN. The token is sent as a subprotocol: it has no other place for one.
const [, , url, token] = process.argv;

const socket = new WebSocket(url, ['tickets', `bearer.${token}`]);
let opened = false;
socket.addEventListener('open', () => (opened = true));
socket.addEventListener('message', ({ data }) => process.stdout.write(`${data}\n`));
socket.addEventListener('error', ({ message }) => process.stdout.write(`${opened ? 'failed' : 'not opened'}: ${message}\n`));
socket.addEventListener('close', ({ code, reason }) => process.stdout.write(`closed: ${code} ${reason}\n`));
