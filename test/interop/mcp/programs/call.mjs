// URL TOOL ARGUMENTS: lists tools, calls one, and one that is not permitted; prints what it saw as JSON.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [, , url, tool, given] = process.argv;
const client = new Client({ name: 'interop', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const textOf = ({ content }) => content.map(({ text }) => text).join();
const tools = (await client.listTools()).tools.map(({ name }) => name);
const text = textOf(await client.callTool({ name: tool, arguments: JSON.parse(given) }));
const denied = await client.callTool({ name: 'write_file', arguments: {} }).then(textOf, (error) => error.message);
console.log(JSON.stringify({ tools, text, denied }));
await client.close();
