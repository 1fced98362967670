import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { compileTest, type Test } from './attribute-tests.ts';
import type { Attribute } from './attributes.ts';
import type { PolicySource } from './cedar-source.ts';
import { memberOf, nodeOf, pathOf } from './expressions.ts';
import type { AccessRequest } from './policy.ts';
import { endpointId, type Vocabulary } from './schema.ts';
import { admitsAction, admitsResource, headsOf } from './scope.ts';

/** All that the policies in scope of one action and resource can learn of a call. Two calls alike in it are decided alike. */
export interface Reads {
  /** Attributes that policies read as they are. */
  readonly values: readonly Attribute[];
  /** Questions that policies ask of attributes that differ from call to call. */
  readonly tests: readonly Test[];
}

/** What the heads of policies look at, but for the principal. */
export interface CallScope {
  readonly action: string;
  readonly destination: string;
  /** Absent: the path matches no template. */
  readonly template?: string;
}

export interface ReadPlan {
  /** undefined: a policy in scope reads what no answer to a test can stand for, or the scope is not one of the config's. */
  readsFor(scope: CallScope): Reads | undefined;
  /** Every attribute that a policy in scope mentions, whichever way, in the order of their names. */
  mentionedFor(scope: CallScope): readonly Attribute[];
  /** The intents that Cedar knows. */
  readonly intents: ReadonlySet<string>;
  /** Names the policies whose calls are decided afresh each time. */
  readonly warnings: readonly string[];
}

/** Works out from the policies' parsed form what each of them can read. */
export function planOf(policies: readonly PolicySource[], vocabulary: Vocabulary): ReadPlan {
  const shared = new Map<string, Test>();
  const readings = policies.map((source) => readingOf(source, { vocabulary, shared }));
  const warnings = readings.flatMap(({ source, afresh }) =>
    afresh === undefined
      ? []
      : [
          `${source.file}:${source.line} policy "${source.id}" reads ${afresh} in a way that cannot be cached: each call in its scope is evaluated`,
        ],
  );
  const inScopeOf = (scope: CallScope) =>
    readings.filter(
      ({ heads }) => admitsAction(heads.action, scope.action) && admitsResource(heads.resource, scope.destination, scope.template),
    );
  return {
    warnings,
    intents: vocabulary.entities.get('Intent') ?? new Set(),
    mentionedFor: (scope) => {
      const mentioned = new Set(inScopeOf(scope).flatMap((reading) => reading.mentioned));
      return [...mentioned].toSorted((a, b) => (a.path.join('.') < b.path.join('.') ? -1 : 1));
    },
    readsFor: (scope) => {
      if (!isKnown(vocabulary.entities, scope)) return undefined;
      const inScope = inScopeOf(scope);
      if (inScope.some(({ afresh }) => afresh !== undefined)) return undefined;
      return {
        values: [...new Set(inScope.flatMap(({ values }) => values))],
        tests: [...new Set(inScope.flatMap(({ tests }) => tests))],
      };
    },
  };
}

function isKnown(entities: Vocabulary['entities'], { action, destination, template }: CallScope): boolean {
  const has = (type: string, id: string) => entities.get(type)?.has(id) === true;
  return (
    has('Action', action) &&
    has('Destination', destination) &&
    (template === undefined || has('Endpoint', endpointId(destination, template)))
  );
}

interface Reading {
  readonly source: PolicySource;
  readonly heads: ReturnType<typeof headsOf>;
  readonly values: readonly Attribute[];
  readonly tests: readonly Test[];
  readonly mentioned: readonly Attribute[];
  /** What it reads that a key cannot hold. */
  readonly afresh: string | undefined;
}

interface Context {
  readonly vocabulary: Vocabulary;
  /** Tests by their text, so that policies which ask the same share one answer. */
  readonly shared: Map<string, Test>;
}

const principalId: Attribute = {
  path: ['principal'],
  type: 'String',
  optional: false,
  volatile: false,
  read: (request: AccessRequest) => request.principal.id,
};

function readingOf(source: PolicySource, { vocabulary, shared }: Context): Reading {
  const heads = headsOf(source.json);
  const values = new Set<Attribute>();
  const tests = new Set<Test>();
  const mentioned = new Set<Attribute>();
  let afresh: string | undefined;
  if (heads.principal.op !== 'All') values.add(principalId);
  for (const { body } of source.json.conditions) visit(body);
  return { source, heads, values: [...values], tests: [...tests], mentioned: [...values, ...mentioned], afresh };

  function visit(expr: Expr, tested = false): void {
    const test = tested ? undefined : testOf(expr);
    if (test !== undefined) tests.add(test);
    const answered = tested || test !== undefined;
    const named = namedBy(expr, vocabulary.attributes);
    for (const arg of named === undefined ? nodeOf(expr).args : []) visit(arg, answered);
    for (const attribute of named ?? []) {
      mentioned.add(attribute);
      if (!answered) note(attribute);
    }
  }

  function testOf(expr: Expr): Test | undefined {
    const text = JSON.stringify(expr);
    const known = shared.get(text);
    if (known !== undefined) return known;
    const test = compileTest(expr, vocabulary.attributes);
    if (test !== undefined) shared.set(text, test);
    return test;
  }

  function note(attribute: Attribute): void {
    if (attribute.volatile) afresh ??= attribute.path.join('.');
    else values.add(attribute);
  }
}

/** The attributes that an attribute chain or a `has` depends on; undefined = the expression is neither. */
function namedBy(expr: Expr, attributes: readonly Attribute[]): readonly Attribute[] | undefined {
  const path = pathOf(expr);
  if (path !== undefined) return readAt(path, attributes);
  const member = 'has' in expr ? memberOf(expr) : undefined;
  const base = member === undefined ? undefined : pathOf(member.of);
  return member === undefined || base === undefined ? undefined : probedBy(base, member.names, attributes);
}

/** Reading a record reads all that is in it. The action and the resource's identity are in every key already. */
function readAt(path: readonly string[], attributes: readonly Attribute[]): readonly Attribute[] {
  if (path.length === 1 && path[0] === 'principal') return [principalId];
  if (path[0] === 'action' || (path.length === 1 && path[0] === 'resource')) return [];
  return attributes.filter((each) => isAt(each, path) || isWithin(each, path));
}

/** `has a.b` depends on each name on the way, and on nothing below them. */
function probedBy(base: readonly string[], names: readonly string[], attributes: readonly Attribute[]): readonly Attribute[] {
  for (let length = 0; length <= names.length; length += 1) {
    const path = [...base, ...names.slice(0, length)];
    const leaf = attributes.find((attribute) => isAt(attribute, path));
    if (leaf !== undefined) return [leaf];
  }
  return [];
}

function isAt({ path }: Attribute, other: readonly string[]): boolean {
  return path.length === other.length && path.every((name, index) => name === other[index]);
}

/** The attribute is somewhere below that path. */
function isWithin({ path }: Attribute, other: readonly string[]): boolean {
  return other.every((name, index) => path[index] === name);
}
