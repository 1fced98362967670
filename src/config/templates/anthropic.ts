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
    operations:
      - /v1/models
      - /v1/messages
      - /v1/messages/count_tokens
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
  action == Action::"POST",
  resource in Destination::"anthropic"
)
when {
  context.task.intent == Intent::"ask-anthropic" &&
  resource has template &&
  ["/v1/messages", "/v1/messages/count_tokens"].contains(resource.template)
};

@id("anthropic-lists-models")
permit (
  principal,
  action == Action::"GET",
  resource == Endpoint::"anthropic /v1/models"
)
when { context.task.intent == Intent::"ask-anthropic" };
`,
  };
}
