import type { ModelSettings } from '../destination.ts';
import { z } from '../settings.ts';

/** What may be asked of a model provider (`protocol: llm`). */
export const modelsConfig = z
  .strictObject({
    provider_tools: z
      .array(z.string().min(1).max(100))
      .default([])
      .meta({
        description:
          'types of tools that the provider may carry out from its own network, without their date: web_search, code_execution, mcp; none unless said',
        examples: [['web_search']],
      }),
    unattended_tools: z
      .boolean()
      .default(false)
      .meta({ description: 'lets the provider call the tools of a server without asking (require_approval: never; mcp_servers)' }),
    links: z.enum(['destinations', 'any']).default('destinations').meta({
      description: "where pictures and files may lie that the provider fetches: at destinations of the task's intent, or anywhere",
    }),
    prices: z
      .record(z.string().min(1), z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() }))
      .default({})
      .meta({
        description: 'for a million tokens, by model, "*" for any other; for budgets of cost',
        examples: [{ 'gpt-5': { input: 1.25, output: 10 } }],
      }),
  })
  .optional();

export function modelSettings({
  provider_tools,
  unattended_tools,
  links,
  prices,
}: NonNullable<z.output<typeof modelsConfig>>): ModelSettings {
  return {
    providerTools: new Set(provider_tools),
    unattendedTools: unattended_tools,
    fetchesAnything: links === 'any',
    prices: new Map(Object.entries(prices)),
  };
}
