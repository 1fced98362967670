import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import type { Attribute } from './attributes.ts';
import { elementsOf, isLike, likeOf, memberOf, nodeOf, pathOf, stringOf, wholeOf } from './expressions.ts';
import type { AccessRequest } from './policy.ts';
import { instantOf } from './instants.ts';
import { actionOf } from './records.ts';

/** A question about one call. Three answers, as in Cedar: yes, no, and `undefined` where evaluating it is an error. */
export interface Test {
  answer(request: AccessRequest): boolean | undefined;
}

/**
 * The test that an expression makes, where we can say exactly what Cedar would: comparisons of strings, whole numbers, sets and instants with
 * `==`, `!=`, `<`…, `like`, `has`, `contains…`. undefined for any other, and for one that reads nothing volatile.
 */
export function compileTest(expr: Expr, attributes: readonly Attribute[]): Test | undefined {
  const readers = new Readers(attributes);
  const answer = compile(expr, readers);
  return answer !== undefined && readers.volatile ? { answer } : undefined;
}

type Answer = Test['answer'];
type Text = (request: AccessRequest) => string | undefined;
type Whole = (request: AccessRequest) => number | undefined;
type Texts = (request: AccessRequest) => readonly string[] | undefined;

function compile(expr: Expr, readers: Readers): Answer | undefined {
  const like = likeOf(expr);
  if (like !== undefined) return likeTest(readers.text(like.of), like.parts);
  if ('has' in expr) return presenceTest(expr, readers);
  const { op, left, right, args } = nodeOf(expr);
  if (op === 'isEmpty') return emptyTest(args[0], readers);
  if (left === undefined || right === undefined) return undefined;
  return (
    textTest(op, readers.text(left), readers.text(right)) ??
    numberTest(op, readers.number(left), readers.number(right)) ??
    setTest(op, { left, right, readers }) ??
    timeTest(op, { left, right, readers })
  );
}

function likeTest(text: Text | undefined, parts: readonly string[]): Answer | undefined {
  if (text === undefined) return undefined;
  return (request) => {
    const value = text(request);
    return value === undefined ? undefined : isLike(value, parts);
  };
}

/** Reading from a record that calls of this action have not is an error; in `a has b.c` it is a no. */
function presenceTest(expr: Expr, readers: Readers): Answer | undefined {
  const member = memberOf(expr);
  const base = member === undefined ? undefined : pathOf(member.of);
  if (member === undefined || base === undefined) return undefined;
  const attribute = readers.attribute([...base, ...member.names]);
  const having = readers.actionsHaving(base);
  return attribute && ((request) => (having?.has(actionOf(request)) === false ? undefined : attribute.read(request) !== undefined));
}

function textTest(op: string, left: Text | undefined, right: Text | undefined): Answer | undefined {
  if (left === undefined || right === undefined || (op !== '==' && op !== '!=')) return undefined;
  const equal = op === '==';
  return (request) => {
    const a = left(request);
    const b = right(request);
    return a === undefined || b === undefined ? undefined : (a === b) === equal;
  };
}

function numberTest(op: string, left: Whole | undefined, right: Whole | undefined): Answer | undefined {
  const compare = Object.hasOwn(orderTests, op) ? orderTests[op] : undefined;
  if (left === undefined || right === undefined || compare === undefined) return undefined;
  return (request) => {
    const a = left(request);
    const b = right(request);
    return a === undefined || b === undefined ? undefined : compare(a, b);
  };
}

interface Operands {
  readonly left: Expr;
  readonly right: Expr;
  readonly readers: Readers;
}

function emptyTest(arg: Expr | undefined, readers: Readers): Answer | undefined {
  const set = arg === undefined ? undefined : readers.texts(arg);
  return (
    set &&
    ((request) => {
      const found = set(request);
      return found && found.length === 0;
    })
  );
}

const setTests: Readonly<Record<string, (left: readonly string[], right: readonly string[]) => boolean>> = {
  containsAll: (left, right) => right.every((value) => left.includes(value)),
  containsAny: (left, right) => right.some((value) => left.includes(value)),
  '==': (left, right) => left.every((value) => right.includes(value)) && right.every((value) => left.includes(value)),
  '!=': (left, right) => !left.every((value) => right.includes(value)) || !right.every((value) => left.includes(value)),
};

function setTest(op: string, { left, right, readers }: Operands): Answer | undefined {
  const set = readers.texts(left);
  if (set === undefined) return undefined;
  if (op === 'contains') {
    const element = readers.text(right);
    return (
      element &&
      ((request) => {
        const all = set(request);
        const one = element(request);
        return all === undefined || one === undefined ? undefined : all.includes(one);
      })
    );
  }
  const other = readers.texts(right);
  const compare = Object.hasOwn(setTests, op) ? setTests[op] : undefined;
  if (other === undefined || compare === undefined) return undefined;
  return (request) => {
    const a = set(request);
    const b = other(request);
    return a === undefined || b === undefined ? undefined : compare(a, b);
  };
}

const orderTests: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

function timeTest(op: string, { left, right, readers }: Operands): Answer | undefined {
  const a = instantOf(left, (path) => readers.time(path));
  const b = instantOf(right, (path) => readers.time(path));
  const compare = Object.hasOwn(orderTests, op) ? orderTests[op] : undefined;
  if (a === undefined || b === undefined || compare === undefined || a.type !== b.type) return undefined;
  return (request) => compare(a.at(request.time), b.at(request.time));
}

/** What the operands read, and whether anything of it differs from call to call. */
class Readers {
  volatile = false;
  readonly #attributes: readonly Attribute[];

  constructor(attributes: readonly Attribute[]) {
    this.#attributes = attributes;
  }

  attribute(path: readonly string[], type?: Attribute['type']): Attribute | undefined {
    const found = this.#attributes.find(
      (each) => each.path.length === path.length && each.path.every((name, index) => name === path[index]),
    );
    if (found === undefined || (type !== undefined && found.type !== type)) return undefined;
    this.volatile ||= found.volatile;
    const { actions } = found;
    return actions === undefined
      ? found
      : { ...found, read: (request) => (actions.has(actionOf(request)) ? found.read(request) : undefined) };
  }

  /** The actions whose calls have this record; undefined: all. */
  actionsHaving(record: readonly string[]): ReadonlySet<string> | undefined {
    const inside = this.#attributes.filter(({ path }) => record.every((name, index) => name === path[index]));
    const actions = inside.map((attribute) => attribute.actions);
    return actions.every((some) => some !== undefined) ? new Set(actions.flatMap((some) => [...some])) : undefined;
  }

  text(expr: Expr): Text | undefined {
    const literal = stringOf(expr);
    if (literal !== undefined) return () => literal;
    const attribute = this.attribute(pathOf(expr) ?? [], 'String');
    // Cedar sees lone surrogates as U+FFFD.
    return attribute && ((request) => (attribute.read(request) as string | undefined)?.toWellFormed());
  }

  number(expr: Expr): Whole | undefined {
    const literal = wholeOf(expr);
    if (literal !== undefined) return () => literal;
    const attribute = this.attribute(pathOf(expr) ?? [], 'Long');
    return attribute && ((request) => attribute.read(request) as number | undefined);
  }

  texts(expr: Expr): Texts | undefined {
    const elements = elementsOf(expr)?.map((element) => this.text(element));
    if (elements === undefined) {
      const attribute = this.attribute(pathOf(expr) ?? [], 'Set');
      return attribute && ((request) => attribute.read(request) as readonly string[] | undefined);
    }
    if (!elements.every((element) => element !== undefined)) return undefined;
    const literals = elementsOf(expr)?.map(stringOf) ?? [];
    if (literals.every((literal) => literal !== undefined)) return () => literals;
    return (request) => {
      const found = elements.map((element) => element(request));
      return found.every((value) => value !== undefined) ? found : undefined;
    };
  }

  time(path: readonly string[]): boolean {
    return this.attribute(path, 'Time') !== undefined;
  }
}
