import { dayAfter, type Template } from './template.ts';

/** OpenAI's API as a route, for clients that take a base URL. */
export function openai(now: number): Template {
  return {
    name: 'openai',
    summary: 'OpenAI API: responses, chat completions, embeddings',
    needsAuthority: false,
    intent: `\
  ask-openai:
    description: Ask OpenAI models
    destinations: [openai]
    budget: { calls: 500 }
`,
    destination: `\
  # "exeat run" sets it all; beside "exeat serve": OPENAI_BASE_URL=http://127.0.0.1:7070/openai/v1 and, as the API key, the task's id and secret: <id>.<secret>
  openai:
    route: /openai
    url: https://api.openai.com
    protocol: llm
    # Tools that the vendor carries out from its own network are refused unless listed: models: { provider_tools: [web_search] }
    credential:
      kind: static
      header: authorization
      prefix: 'Bearer '
      value: { env: EXEAT_OPENAI_KEY }
      expires: ${dayAfter(now, 90)}
      reason: the vendor issues API keys only
`,
    policy: `\
// What the "ask-openai" intent may do. Files, batches, fine-tuning and administration are not among it.

@id("openai-inference")
permit (
  principal,
  action == Action::"infer",
  resource in Destination::"openai"
)
when {
  context.task.intent == Intent::"ask-openai" &&
  ["gpt-5", "gpt-5-mini", "text-embedding-3-small"].contains(context.llm.model) &&
  !context.llm.stored
};

@id("openai-lists-models")
permit (
  principal,
  action == Action::"list_models",
  resource in Destination::"openai"
)
when { context.task.intent == Intent::"ask-openai" };
`,
  };
}
