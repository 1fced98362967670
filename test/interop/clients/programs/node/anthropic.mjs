// BASE_URL MODEL KEY: a streamed message.
import Anthropic from '@anthropic-ai/sdk';

const [, , baseURL, model, apiKey] = process.argv;

try {
  const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
  const stream = client.messages.stream({ model, max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] });
  for await (const { delta } of stream) process.stdout.write(delta?.text ?? '');
  console.log('\ndone');
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
}
