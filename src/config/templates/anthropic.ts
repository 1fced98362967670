import { dayAfter, type Template } from './template.ts';

/** Anthropic's API as a route, for clients that take a base URL. */
export function anthropic(now: number): Template {
  return {
    name: 'anthropic',
    summary: 'Anthropic API: messages, token counts',
    needsAuthority: false,
    intent: `\
  ask-anthropic:
    description: Ask Anthropic models
    destinations: [anthropic]
    budget: { calls: 500 }
`,
    destination: `\
  # "exeat run" sets it all; beside "exeat serve": ANTHROPIC_BASE_URL=http://127.0.0.1:7070/anthropic and, as the API key, the task's id and secret: <id>.<secret>
  anthropic:
    route: /anthropic
    url: https://api.anthropic.com
    protocol: llm
    # Tools that the vendor carries out from its own network are refused unless listed: models: { provider_tools: [web_search] }
    credential:
      kind: static
      header: x-api-key
      value: { env: EXEAT_ANTHROPIC_KEY }
      expires: ${dayAfter(now, 90)}
      reason: an API key until workload identity federation is set up
`,
    policy: `\
// What the "ask-anthropic" intent may do. Batches, files and administration are not among it.

@id("anthropic-inference")
permit (
  principal,
  action == Action::"infer",
  resource in Destination::"anthropic"
)
when {
  context.task.intent == Intent::"ask-anthropic" &&
  ["claude-sonnet-5", "claude-haiku-5"].contains(context.llm.model) &&
  !context.llm.stored
};

@id("anthropic-lists-models")
permit (
  principal,
  action == Action::"list_models",
  resource in Destination::"anthropic"
)
when { context.task.intent == Intent::"ask-anthropic" };
`,
  };
}
