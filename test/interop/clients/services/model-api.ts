import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';
import type { Deed, ServiceClient, ServiceOptions } from '../service-client.ts';

export const models: Readonly<Record<Deed, string>> = { allowed: 'small-1', denied: 'large-1', followed: 'slow-1' };

export const policy = `permit (principal, action == Action::"infer", resource) unless { context.llm.model == "${models.denied}" };`;

export const destination = { protocol: 'llm' };

/** OpenAI's chat and Anthropic's messages, streamed as they document it. The model says who called; `slow-1` says its first words and goes on thinking. */
export function serveModels({ cert, key, admit }: ServiceOptions): ReturnType<ServiceClient['serve']> {
  return createServer({ cert, key }, (request, response) => {
    void answer(request, response, admit).catch(() => response.destroy());
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, admit: ServiceOptions['admit']): Promise<void> {
  const claims = await admit(request.headers);
  if (claims === undefined) return void response.writeHead(401).end();
  const { model, stream } = (await json(request)) as { readonly model: string; readonly stream?: boolean };
  const speak = request.url === '/v1/chat/completions' ? openai : request.url === '/v1/messages' ? anthropic : undefined;
  if (speak === undefined || stream !== true) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const isSlow = model === models.followed;
  const { begin, end } = speak(model, isSlow ? 'event 1' : JSON.stringify(claims));
  response.write(begin);
  if (!isSlow) response.end(end);
}

interface Spoken {
  readonly begin: string;
  readonly end: string;
}

function openai(model: string, content: string): Spoken {
  const chunk = (more: object): string =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model, ...more })}\n\n`;
  return {
    begin: chunk(choice({ role: 'assistant', content }, null)),
    end: `${chunk(choice({}, 'stop'))}${chunk({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 } })}data: [DONE]\n\n`,
  };
}

function anthropic(model: string, text: string): Spoken {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null };
  return {
    begin: [
      event('message_start', { message: { ...message, usage: { input_tokens: 7, output_tokens: 1 } } }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    ].join(''),
    end: [
      event('content_block_stop', { index: 0 }),
      event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 5 } }),
      event('message_stop', {}),
    ].join(''),
  };
}

function choice(delta: object, reason: string | null): object {
  return { choices: [{ index: 0, delta, finish_reason: reason }] };
}

function event(type: string, more: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
}
