// BASE_URL MODEL KEY: a streamed chat.
import OpenAI from 'openai';

const [, , baseUrl, model, apiKey] = process.argv;

try {
  const chat = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey, maxRetries: 0 });
  const chunks = await chat.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] });
  for await (const { choices } of chunks) for (const { delta } of choices) process.stdout.write(delta.content ?? '');
  console.log('\ndone');
} catch (error) {
  console.log(`${error.name}: ${error.message} ${JSON.stringify(error.error)}`);
}
