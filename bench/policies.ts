import { readdirSync, readFileSync } from 'node:fs';

/** What the scenarios need beside the example policies: bodies both ways, and the route. */
export const fewPolicies = `@id("bench github")
permit (principal, action in [Action::"read", Action::"write"], resource in Destination::"github")
when { context.task.intent == Intent::"triage" };

@id("bench tickets")
permit (principal, action in Action::"read", resource in Destination::"tickets")
when { context.task.intent == Intent::"triage" };
`;

/** For the https destinations. */
export const tlsPolicies = `@id("bench intercepted")
permit (principal, action in Action::"read", resource in Destination::"intercepted")
when { context.task.intent == Intent::"triage" };
`;

/** For the tools: one test of arguments whose answer is kept, and one that Cedar is asked for each time. */
export const mcpPolicies = `@id("bench post") permit (principal, action == Action::"POST", resource in Destination::"post");
@id("bench search") permit (principal, action == Action::"call_tool", resource == Endpoint::"mcp search")
when { context.mcp.arguments has q && context.mcp.arguments.q like "printer*" && context.mcp.arguments has limit && context.mcp.arguments.limit <= 50 };
@id("bench rank") permit (principal, action == Action::"call_tool", resource == Endpoint::"mcp rank")
when { context.mcp.arguments has ratio && context.mcp.arguments.ratio.lessThan(decimal("0.9")) };
`;

const inScope = `principal, action in Action::"read", resource in Destination::"github"`;
const outOfScope = [
  `principal, action in Action::"write", resource in Destination::"github"`,
  `principal, action in Action::"read", resource in Destination::"tickets"`,
  `principal, action == Action::"DELETE", resource in Destination::"legacy-crm"`,
  `principal, action in Action::"write", resource in Destination::"tickets"`,
];

/** A hundred policies as a platform team collects them: a fifth in scope of each call, one with `like` on the path, one on the time. */
export function manyPolicies(): string {
  const special = [
    `@id("no admin paths") forbid (${inScope}) when { context.http.path like "/admin/*" };`,
    `@id("until the contract ends") forbid (${inScope}) when { context.time > datetime("2099-01-01") };`,
  ];
  const count = 100 - examplePolicies() - policiesIn(fewPolicies) - special.length;
  const teams = Array.from({ length: count }, (_, index) => {
    if (index % 5 !== 0) {
      const scope = outOfScope[index % outOfScope.length];
      return `@id("team ${index}") permit (${scope}) when { context.task.intent == Intent::"report" && principal.subject == "team-${index}" };`;
    }
    const owner = `context.http.parameters has owner && context.http.parameters.owner == "team-${index}"`;
    return `@id("team ${index}") permit (${inScope}) when { context.task.intent == Intent::"report" && ${owner} };`;
  });
  return [fewPolicies, ...special, ...teams].join('\n');
}

function examplePolicies(): number {
  const folder = new URL('../config/policies/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.cedar'));
  return files.reduce((count, name) => count + policiesIn(readFileSync(new URL(name, folder), 'utf8')), 0);
}

function policiesIn(text: string): number {
  return text.match(/^(?:permit|forbid)\b/gm)?.length ?? 0;
}
