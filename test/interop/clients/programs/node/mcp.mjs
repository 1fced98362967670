// URL TOOL TOKEN: lists the tools and calls one. What the server asks to be sampled is never answered.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [, , url, name, token] = process.argv;

const client = new Client({ name: 'interop', version: '1.0.0' }, { capabilities: { sampling: {} } });
client.setRequestHandler('sampling/createMessage', () => {
  console.log('event 1');
  return new Promise(() => {});
});
Object.assign(client, { onerror: ({ message }) => console.log(`error: ${message}`) });
let caller;
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${token}` } },
  async fetch(...asked) {
    const response = await fetch(...asked);
    caller = response.headers.get('interop-caller');
    return response;
  },
});
try {
  await client.connect(transport);
  const { tools } = await client.listTools();
  console.log(`tools: ${tools.map((tool) => tool.name).join()}`);
  const { isError, content } = await client.callTool({ name, arguments: { message: 'Hello', prompt: 'Hello' } }, { timeout: 10_000 });
  console.log(`${isError ? 'failed' : 'event 2'}: ${content[0].text} ${caller}`);
} catch ({ name: kind, message }) {
  console.log(`${kind}: ${message}`);
}
await client.close();
