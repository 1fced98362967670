import { fc } from './fast-check.ts';
import type { AccessRequest } from '../../src/policy/policy.ts';
import { accessRequest, destinations } from './policy.ts';

const templates = destinations.flatMap(({ name, operations }) => operations.map((template) => ({ name, template })));

/** Few words, so that policies and requests meet often. */
const words = [
  '/a',
  '/a/b',
  '/a/b/c',
  'a',
  'b',
  'acme',
  'x=1',
  'x',
  '',
  'GET',
  'POST',
  'dev@laptop',
  'local',
  'api.github.com',
  '😀',
  '\uFFFD',
  'é*',
];
const word = fc.constantFrom(...words);
const quoted = word.map((text) => JSON.stringify(text));
const strings = [
  'context.task.id',
  'context.task.origin',
  'context.task.subject',
  'context.http.method',
  'context.http.host',
  'context.http.path',
  'context.http.query.text',
  'context.http.parameters.owner',
  'context.http.parameters.number',
  'context.mcp.tool',
  'context.mcp.arguments.q',
  'principal.subject',
  'principal.kind',
  'principal.namespace',
  'resource.template',
];
const text = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...strings) }, { weight: 3, arbitrary: quoted });
const variable = fc.constantFrom(...strings);
const pattern = fc
  .array(fc.oneof(fc.constantFrom('*', '\\*', '**'), fc.constantFrom('/a', '/', 'a', 'b', 'x', '=', '😀')), { minLength: 1, maxLength: 4 })
  .map((parts) => `"${parts.join('')}"`);
const set = fc.oneof(
  fc.constantFrom('context.http.query.names', 'context.http.query.pairs', 'context.mcp.arguments.tags'),
  fc.array(text, { minLength: 1, maxLength: 3 }).map((elements) => `[${elements.join(', ')}]`),
);
const duration = fc
  .constantFrom('1h', '-1h', '1d', '8h30m', '36500d', '-36500d', '1ms', '106751991167d')
  .map((said) => `duration("${said}")`);
const instant = fc.oneof(
  { weight: 3, arbitrary: fc.constant('context.time') },
  fc
    .constantFrom('1970-01-01', '2026-06-01', '2026-06-01T10:00:00Z', '2026-06-01T12:00:00.001+0200', '9999-12-31')
    .map((said) => `datetime("${said}")`),
  duration.map((by) => `context.time.offset(${by})`),
  fc.constant('context.time.toDate()'),
);
const span = fc.oneof(
  duration,
  instant.map((of) => `${of}.toTime()`),
  fc.tuple(instant, instant).map(([of, since]) => `${of}.durationSince(${since})`),
);
const compare = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');
const number = fc.constantFrom('context.mcp.arguments.limit', '0', '1', '-1', '10', '9007199254740991');
const equal = fc.constantFrom('==', '!=');
const optional = fc.constantFrom(
  'context.task has subject',
  'context has task.subject',
  'principal has namespace',
  'resource has template',
  'context.http.parameters has owner',
  'context has mcp.arguments.q',
  'context.mcp has tool',
  'context.mcp.arguments has limit',
  'context.http has parameters.number',
  'context has http.path',
  'context has nothing',
  'context.task has id.inside',
);
const whole = fc.constantFrom(
  'context == context',
  'context.mcp.arguments == {q: "a"}',
  'context.mcp.arguments.ids.contains(1)',
  'context.mcp.arguments.ratio.lessThan(decimal("1.5"))',
  'context.mcp.arguments.limit + 1 < 3',
  'context.http.query == {names: ["x"], pairs: ["x=1"], text: "x=1"}',
  'context.task == {id: "a"}',
  'context.http.parameters == {owner: "acme"}',
  '{p: context.http.path} == {p: "/a/b"}',
  '{p: context.http.path}.p like "/a*"',
  'context.time.toMilliseconds() > 5',
  '9223372036854775807 + 1 == 0',
  '(if context.http.path == "/a" then "a" else context.task.id) == "a"',
  '[context.http.path == "/a", true].contains(false)',
  'principal == resource',
  'context.http.path < 3',
  'context.http.path == 3',
  'context.missing',
);
/** One comparison, as policies make them; also some that Cedar's validation would refuse and that fail when they run. */
export const atom = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(text, equal, text).map((parts) => parts.join(' ')) },
  { weight: 4, arbitrary: fc.tuple(variable, pattern).map(([of, as]) => `${of} like ${as}`) },
  { weight: 3, arbitrary: fc.tuple(set, text).map(([all, one]) => `${all}.contains(${one})`) },
  { weight: 2, arbitrary: fc.tuple(set, fc.constantFrom('containsAll', 'containsAny'), set).map(([a, op, b]) => `${a}.${op}(${b})`) },
  { weight: 1, arbitrary: fc.tuple(set, equal, set).map((parts) => parts.join(' ')) },
  { weight: 1, arbitrary: set.map((all) => `${all}.isEmpty()`) },
  { weight: 3, arbitrary: fc.tuple(instant, compare, instant).map((parts) => parts.join(' ')) },
  { weight: 2, arbitrary: fc.tuple(span, compare, span).map((parts) => parts.join(' ')) },
  { weight: 3, arbitrary: fc.tuple(number, compare, number).map((parts) => parts.join(' ')) },
  { weight: 3, arbitrary: optional },
  {
    weight: 1,
    arbitrary: fc.constantFrom('context.task.attested', 'context.task.planned', 'context.mcp.arguments.strict', 'true', 'false'),
  },
  { weight: 2, arbitrary: fc.constantFrom('triage', 'report', 'nobody').map((id) => `context.task.intent == Intent::"${id}"`) },
  { weight: 1, arbitrary: fc.constant('context.task.intent in [Intent::"triage", Intent::"report"]') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('resource in Destination::"github"', 'resource == Endpoint::"github /repos/{owner}/{repo}/issues"'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('principal is Agent', 'principal == Agent::"a"', 'principal in [Agent::"a"]', 'resource is Destination'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('action == Action::"GET"', 'action in Action::"write"', 'action in [Action::"mint", Action::"read"]'),
  },
  { weight: 4, arbitrary: whole },
);
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 4, arbitrary: atom },
    {
      weight: 2,
      arbitrary: fc.tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition')).map((parts) => `(${parts.join(' ')})`),
    },
    { weight: 1, arbitrary: tie('condition').map((inner) => `!(${inner})`) },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('condition'), tie('condition'), tie('condition')).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
    },
  ),
}));
/** One policy over these comparisons. */
export const policy = fc
  .record({
    effect: fc.constantFrom('permit', 'permit', 'forbid'),
    principal: fc.constantFrom('principal', 'principal', 'principal is Agent', 'principal == Agent::"a"'),
    action: fc.constantFrom(
      'action',
      'action in Action::"read"',
      'action in [Action::"GET", Action::"mint"]',
      'action == Action::"POST"',
      'action == Action::"call_tool"',
    ),
    resource: fc.constantFrom(
      'resource',
      'resource in Destination::"github"',
      'resource is Endpoint in Destination::"tickets"',
      'resource == Endpoint::"github /repos/{owner}/{repo}/issues"',
      'resource == Endpoint::"kb search"',
    ),
    clauses: fc.array(
      fc.tuple(fc.constantFrom('when', 'when', 'unless'), condition).map(([word, body]) => `${word} { ${body} }`),
      { maxLength: 2 },
    ),
  })
  .map(({ effect, principal, action, resource, clauses }) => `${effect} (${principal}, ${action}, ${resource}) ${clauses.join(' ')};`);

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const parts = fc.record({
  endpoint: fc.oneof(
    fc.constantFrom(...templates),
    fc.constantFrom('github', 'tickets', 'legacy-crm', 'nowhere').map((name) => ({ name, template: undefined })),
  ),
  method: fc.constantFrom('GET', 'POST', 'PROPFIND'),
  group: fc.constantFrom(undefined, undefined, undefined, 'mint' as const, 'write' as const, 'websocket' as const),
  host: maybe(word),
  path: fc.constantFrom('/a', '/a/b', '/a/b/c', '/😀', '/x'),
  query: fc.constantFrom('', '?x=1', '?x', '?a=b&x=1', '?x=1&x=2', '?x=%ff'),
  parameters: fc.record({ owner: word, number: fc.constantFrom('1', 'a', 'acme', '\uD800') }, { requiredKeys: [] }),
  tool: fc.option(fc.constantFrom('search', 'delete'), { freq: 2, nil: undefined }),
  arguments: fc.record(
    {
      q: word,
      limit: fc.constantFrom(0, 1, 10, -1, 2 ** 53 - 1, null),
      strict: fc.boolean(),
      tags: fc.subarray(['a', 'b', 'x']),
      ids: fc.subarray([1, 2]),
      ratio: fc.constantFrom(1.5, 2, 0.0001, -1),
      other: word,
    },
    { requiredKeys: [] },
  ),
  intent: fc.constantFrom('triage', 'triage', 'triage', 'report', 'report', 'nobody'),
  task: fc.record({
    id: word,
    subject: maybe(fc.constantFrom('a', 'b', '\uD800')),
    attested: fc.boolean(),
    origin: fc.constantFrom('default' as const, 'orchestrator' as const),
  }),
  principal: fc.record({
    id: fc.constantFrom('a', 'b'),
    subject: word,
    attributes: fc.constantFrom({}, { namespace: 'a' }, { namespace: 'acme', other: 'x' }),
  }),
  planned: fc.boolean(),
  time: fc.constantFrom(
    0,
    1,
    Date.parse('2026-06-01'),
    Date.parse('2026-06-01T10:00:00Z'),
    Date.parse('2026-06-01T10:00:00.001Z'),
    Date.UTC(10_001, 0),
    -1,
    Number.NaN,
    1.5,
    ...Array.from({ length: 12 }, (_, day) => Date.parse('2026-05-25') + day * 86_400_000),
  ),
});

type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

function requestOf({ endpoint, parameters, group, host, tool, ...rest }: Parts): AccessRequest {
  if (tool !== undefined) return accessRequest({ ...rest, tool });
  return accessRequest({
    ...rest,
    destination: endpoint.name,
    ...(group !== undefined && { group }),
    ...(host !== undefined && { host }),
    ...(endpoint.template !== undefined && { template: endpoint.template, parameters }),
  });
}

/** One call of any kind. */
export const request: fc.Arbitrary<AccessRequest> = parts.map(requestOf);

const names = [
  'endpoint',
  'method',
  'group',
  'host',
  'path',
  'query',
  'parameters',
  'tool',
  'arguments',
  'intent',
  'task',
  'principal',
  'planned',
  'time',
] as const;

/** A call, and calls that differ from it in a part or two: what a careless cache would take for the same. */
export const relatives: fc.Arbitrary<readonly AccessRequest[]> = fc
  .tuple(parts, fc.array(fc.tuple(parts, fc.subarray([...names], { minLength: 1, maxLength: 2 })), { minLength: 2, maxLength: 12 }))
  .map(([base, others]) => [
    requestOf(base),
    ...others.map(([other, differing]) => requestOf({ ...base, ...Object.fromEntries(differing.map((name) => [name, other[name]])) })),
  ]);
