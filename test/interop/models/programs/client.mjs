// SDK URL [PROVIDER_TOOL]: streams an answer with a tool offered, and prints which tool the model called, its arguments and the tokens used.
const [, , sdk, url, provider] = process.argv;
const schema = { type: 'object', properties: { city: { type: 'string' } } };
const seen = { arguments: '' };

const clients = {
  async chat() {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'of-the-agent', maxRetries: 0 });
    const tools = [{ type: 'function', function: { name: 'weather', parameters: schema } }];
    const stream = await client.chat.completions.create({
      model: 'small-1',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'How is the weather?' }],
      tools,
      ...(provider === undefined ? {} : { web_search_options: {} }),
    });
    for await (const { choices, usage } of stream) {
      for (const { delta } of choices) {
        const called = delta.tool_calls?.[0]?.function;
        seen.tool ??= called?.name;
        seen.arguments += called?.arguments ?? '';
      }
      seen.tokens ??= usage?.total_tokens;
    }
  },
  async responses() {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'of-the-agent', maxRetries: 0 });
    const own = { type: 'function', name: 'weather', parameters: schema, strict: false };
    const stream = await client.responses.create({
      model: 'small-1',
      stream: true,
      input: 'How is the weather?',
      tools: [own, ...(provider === undefined ? [] : [{ type: 'web_search' }])],
    });
    for await (const event of stream) {
      if (event.type === 'response.output_item.added') seen.tool = event.item.name;
      if (event.type === 'response.function_call_arguments.delta') seen.arguments += event.delta;
      if (event.type === 'response.completed') seen.tokens = event.response.usage.total_tokens;
    }
  },
  async messages() {
    const { default: Anthropic } = await import('@anthropic-ai/sdk');
    const client = new Anthropic({ baseURL: url, apiKey: 'of-the-agent', maxRetries: 0 });
    const own = { name: 'weather', input_schema: schema };
    const stream = client.messages.stream({
      model: 'small-1',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'How is the weather?' }],
      tools: [own, ...(provider === undefined ? [] : [{ type: 'web_search_20250305', name: 'web_search' }])],
    });
    const { content, usage } = await stream.finalMessage();
    seen.tool = content[0].name;
    seen.arguments = JSON.stringify(content[0].input);
    seen.tokens = usage.input_tokens + usage.output_tokens;
  },
};

try {
  await clients[sdk]();
} catch (error) {
  seen.error = error.message;
}
console.log(JSON.stringify(seen));
