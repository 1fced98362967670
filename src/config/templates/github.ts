import { dayAfter, type Template } from './template.ts';

/** Issues of GitHub repositories: read them, label them. */
export function github(now: number): Template {
  return {
    name: 'github',
    summary: 'GitHub REST API: read issues, set labels',
    needsAuthority: false,
    intent: `\
  triage:
    description: Sort and label new issues
    destinations: [github]
    max_ttl: 30m
    budget: { calls: 200 }
`,
    destination: `\
  # Through the proxy: https_proxy=http://127.0.0.1:7070, with the CA that "exeat ca env" tells. An http:// call is sent on over verified TLS.
  github:
    hosts: [api.github.com]
    operations:
      - /repos/{owner}/{repo}/issues
      - /repos/{owner}/{repo}/issues/{number}
      - /repos/{owner}/{repo}/issues/{number}/labels
    # A fine-grained token with "Issues: read and write" on the repositories in question. Or: value: { file: /run/secrets/github }
    credential:
      kind: static
      header: authorization
      prefix: 'Bearer '
      value: { env: EXEAT_GITHUB_TOKEN }
      expires: ${dayAfter(now, 90)}
      reason: fine-grained token until the GitHub App is set up
`,
    policy: `\
// What the "triage" intent may do at GitHub. Everything that no policy permits is denied.

@id("triage-reads-issues")
permit (
  principal,
  action in Action::"read",
  resource in Destination::"github"
)
when {
  context.task.intent == Intent::"triage" &&
  resource has template &&
  [
    "/repos/{owner}/{repo}/issues",
    "/repos/{owner}/{repo}/issues/{number}",
    "/repos/{owner}/{repo}/issues/{number}/labels"
  ].contains(resource.template)
};

// Adds labels; removes none. To pin the repository, add:
//   && context.http.parameters has owner && context.http.parameters.owner == "example"
@id("triage-adds-labels")
permit (
  principal,
  action == Action::"POST",
  resource == Endpoint::"github /repos/{owner}/{repo}/issues/{number}/labels"
)
when { context.task.intent == Intent::"triage" };
`,
  };
}
