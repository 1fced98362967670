// URL ERA [HEADER VALUE]: the official client; prints what it saw as JSON.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [, , url, era, header, value] = process.argv;
const client = new Client(
  { name: 'interop', version: '1.0.0' },
  { capabilities: { elicitation: {} }, versionNegotiation: { mode: era === 'modern' ? { pin: '2026-07-28' } : 'legacy' } },
);
client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { confirm: true } }));
const said = async (doing) => {
  try {
    return await doing();
  } catch (error) {
    return { error: error.message };
  }
};
const requestInit = header === undefined ? {} : { headers: { [header]: value } };
const seen = {};
seen.connected = await said(async () => {
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return true;
});
if (seen.connected === true) {
  seen.tools = await said(async () => (await client.listTools()).tools.map(({ name }) => name));
  seen.resources = await said(async () => (await client.listResources()).resources.map(({ uri }) => uri));
  for (const [name, given] of [
    ['search', { q: 'printers' }],
    ['delete', { id: '7' }],
    ['deploy', { env: 'production' }],
  ]) {
    seen[name] = await said(async () => {
      const { isError, content } = await client.callTool({ name, arguments: given });
      return { isError: isError === true, text: content.map(({ text }) => text).join() };
    });
  }
  seen.notes = await said(async () => (await client.readResource({ uri: 'doc://notes' })).contents[0].text);
  seen.secrets = await said(async () => (await client.readResource({ uri: 'secret://all' })).contents[0].text);
  await client.close();
}
console.log(JSON.stringify(seen));
