// URL BINDING: the official client; prints what it saw as JSON.
import { randomUUID } from 'node:crypto';
import { Role } from '@a2a-js/sdk';
import { ClientFactory, ClientFactoryOptions } from '@a2a-js/sdk/client';

const [, , url, binding] = process.argv;
const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, { preferredTransports: [binding] });
const parts = [{ content: { $case: 'text', value: 'hi' } }];
const message = () => ({
  messageId: randomUUID(),
  role: Role.ROLE_USER,
  parts,
  contextId: '',
  taskId: '',
  extensions: [],
  referenceTaskIds: [],
});
const said = (doing) => doing().catch((error) => ({ error: `${error.message} ${error.cause ?? ''}` }));
const seen = {};
const client = await said(() => new ClientFactory(options).createFromUrl(url));
if (client.error !== undefined) seen.card = client.error;
else {
  seen.sent = await said(async () => (await client.sendMessage({ message: message() })).parts[0].content.value);
  seen.streamed = await said(async () => {
    const { value } = await client.sendMessageStream({ message: message() }).next();
    return value.payload.value.parts[0].content.value;
  });
}
console.log(JSON.stringify(seen));
