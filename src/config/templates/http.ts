import type { Template } from './template.ts';

/** Any HTTP API that takes tokens of the authority. */
export function http(): Template {
  return {
    name: 'http',
    summary: 'any HTTP API that takes OAuth tokens',
    needsAuthority: true,
    intent: `\
  read-items:
    description: Read items
    destinations: [api]
    budget: { calls: 200 }
`,
    destination: `\
  # Through the proxy: https_proxy=http://127.0.0.1:7070, with the CA that "exeat ca env" tells. An http:// call is sent on over verified TLS.
  api:
    hosts: [api.example.com]
    operations:
      - /items
      - /items/{id}
    credential: { kind: token-exchange, audience: https://api.example.com, scope: items:read }
    # To see what policy would deny before it does:
    # observe: { until: 2027-01-15 }
`,
    policy: `\
// What the "read-items" intent may do. Everything that no policy permits is denied.

@id("read-items")
permit (
  principal,
  action in Action::"read",
  resource in Destination::"api"
)
when { context.task.intent == Intent::"read-items" && resource has template };
`,
  };
}
