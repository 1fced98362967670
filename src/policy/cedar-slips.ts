import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { didYouMean } from '../nearest.ts';
import type { Attribute } from './attributes.ts';
import type { Checked } from './cedar-check.ts';
import { lineSaying, type PolicySource } from './cedar-source.ts';
import { branchesOf, entityOf, fieldOf, fieldsOf, likeOf, memberOf, nodeOf, pathOf, stringOf } from './expressions.ts';
import { literalSets, type LiteralSet } from './literal-sets.ts';
import { observe } from './trial.ts';
import { actionGroups, entityTypes, parametersOf, type Vocabulary } from './schema.ts';
import { entitiesIn, headsOf, reach, type Entity } from './scope.ts';

/** Walks one policy and names each id, attribute and literal that stands for nothing in the config, with the nearest that does. */
export function slipsIn(source: PolicySource, vocabulary: Vocabulary): Checked {
  const heads = headsOf(source.json);
  const inScope = reach(heads.resource, vocabulary.destinations);
  const walk = new Walk(source, {
    entities: vocabulary.entities,
    literals: literalSets(inScope),
    attributes: attributeNames(vocabulary.attributes, {
      [parameters]: new Set(parametersOf(inScope)),
      [toolArguments]: new Set(inScope.flatMap(({ tools }) => [...(tools?.values() ?? [])]).flatMap((tool) => [...tool.arguments.keys()])),
    }),
  });
  for (const name of Object.keys(source.json.annotations ?? {})) walk.annotation(name);
  for (const head of [heads.principal, heads.action, heads.resource]) {
    if (head.entity_type !== undefined) walk.type(head.entity_type);
    for (const entity of entitiesIn(head)) walk.entity(entity);
  }
  for (const { body } of source.json.conditions) walk.expression(body);
  return { problems: [...walk.problems], warnings: [...walk.warnings] };
}

const parameters = 'context.http.parameters';
const toolArguments = 'context.mcp.arguments';

const missingFrom: Readonly<Record<string, string>> = {
  [parameters]: 'no operation in scope has a parameter',
  [toolArguments]: 'no reviewed tool in scope shows an argument',
};

/** Names under each record, by its path; of parameters and arguments only those that calls in scope can have. */
function attributeNames(
  attributes: readonly Attribute[],
  inScope: Readonly<Record<string, ReadonlySet<string>>>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const { path } of attributes) {
    for (let length = 1; length < path.length; length += 1) {
      const record = path.slice(0, length).join('.');
      const name = path[length] ?? '';
      if (!names.has(record)) names.set(record, new Set());
      if (inScope[record]?.has(name) !== false) names.get(record)?.add(name);
    }
  }
  return names;
}

interface Known {
  readonly entities: Vocabulary['entities'];
  readonly literals: ReadonlyMap<string, LiteralSet>;
  readonly attributes: ReadonlyMap<string, ReadonlySet<string>>;
}

/** One policy on its way through the walk. */
class Walk {
  readonly problems = new Set<string>();
  readonly warnings = new Set<string>();
  readonly #source: PolicySource;
  readonly #known: Known;

  constructor(source: PolicySource, known: Known) {
    this.#source = source;
    this.#known = known;
  }

  /** One that is misspelt would leave a policy without its condition. */
  annotation(name: string): void {
    if (!annotations.includes(name)) this.#problem(`there is no annotation "@${name}"${didYouMean(name, annotations)}`, name);
    if (name === 'approval' && this.#source.json.effect === 'forbid')
      this.#problem('"@approval" stands on a permit: what is forbidden is for nobody to approve', name);
  }

  type(type: string): void {
    if ((entityTypes as readonly string[]).includes(type)) return;
    this.#problem(`there is no entity type "${type}"${didYouMean(type, entityTypes)}`, type.split('::').at(-1) ?? type);
  }

  entity({ type, id }: Entity): void {
    this.type(type);
    const ids = this.#known.entities.get(type);
    if (ids !== undefined && !ids.has(id)) this.#problem(`there is no ${type}::"${id}"${didYouMean(id, ids)}`, id);
  }

  expression(expr: Expr): void {
    const entity = entityOf(expr);
    if (entity !== undefined) this.entity(entity);
    const { op, left, right, args, type } = nodeOf(expr);
    if (type !== undefined) this.type(type);
    const member = memberOf(expr);
    if (member !== undefined) this.#member(member.of, member.names);
    const like = likeOf(expr);
    if (like !== undefined) this.#like(pathOf(like.of)?.join('.') ?? '', like.parts);
    if (left !== undefined && right !== undefined && comparisons.has(op)) this.#against(left, right);
    for (const arg of args) this.expression(arg);
  }

  #member(of: Expr, names: readonly string[]): void {
    const path = [...(pathOf(of) ?? [])];
    // What stands behind an `if` or an entity cannot be checked by name, and a slip there would pass in silence.
    if (path.length === 0) this.#problem(`attributes are read from principal, resource and context only`, names[0] ?? '');
    for (const name of path.length === 0 ? [] : names) {
      const siblings = this.#known.attributes.get(path.join('.'));
      const isLeaf = this.#known.attributes.get(path.slice(0, -1).join('.'))?.has(path.at(-1) ?? '') === true;
      // The slip is further left, where it is named.
      if (siblings === undefined && path.length > 1 && !isLeaf) return;
      if (siblings?.has(name) !== true) {
        const missing = missingFrom[path.join('.')] ?? `${path.join('.')} has no attribute`;
        return this.#problem(`${missing} "${name}"${didYouMean(name, siblings ?? [])}`, name);
      }
      path.push(name);
    }
  }

  #like(path: string, parts: readonly string[]): void {
    this.#literal(path, parts);
    if (path !== 'context.http.path' || parts.slice(1).every((part) => part === '')) return;
    const message = `in "${parts.join('*')}" a "*" before the end also matches slashes; a template under "operations" does not`;
    this.warnings.add(this.#say(message, parts.join('*')));
  }

  /** Sets by element, records by field, `if` by branch: until an attribute stands against a literal. */
  #against(one: Expr, other: Expr): void {
    this.#oneWay(one, other);
    this.#oneWay(other, one);
  }

  #oneWay(one: Expr, other: Expr): void {
    const literal = stringOf(other);
    if (literal !== undefined) this.#literal(pathOf(one)?.join('.') ?? '', [literal]);
    const entity = entityOf(other);
    if (entity?.type === 'Action' && actionGroups.includes(entity.id)) {
      this.#problem(`no action is Action::"${entity.id}", which is a group; ask with "action in"`, entity.id);
    }
    for (const branch of branchesOf(one)) this.#against(branch, other);
    for (const [name, value] of fieldsOf(one)) this.#against(value, fieldOf(other, name));
  }

  #literal(path: string, parts: readonly string[]): void {
    const set = this.#known.literals.get(path);
    if (set === undefined || set.accepts(parts)) return;
    const literal = parts.join('*');
    this.#problem(`${path} is never "${literal}", which is not ${set.what}${didYouMean(literal, set.names)}`, literal);
  }

  #problem(message: string, word: string): void {
    this.problems.add(this.#say(message, word));
  }

  #say(message: string, word: string): string {
    const { file, id } = this.#source;
    return `${file}:${lineSaying(this.#source, word)} policy "${id}": ${message}`;
  }
}

/** What may stand before a policy: its name, words for readers, that it takes someone's yes, and that it is tried out. */
const annotations = ['id', 'description', 'approval', observe];
const comparisons = new Set(['==', '!=', 'contains', 'containsAll', 'containsAny']);
