import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';

/** An operator and its operands: `{ "==": { left, right } }` taken apart. Extension calls have `args`. */
export interface Node {
  readonly op: string;
  readonly left?: Expr;
  readonly right?: Expr;
  readonly args: readonly Expr[];
  /** The entity type that `is` asks for. */
  readonly type?: string;
}

/** One level of a Cedar expression in its JSON form; all its sub-expressions are in `args`. */
export function nodeOf(expr: Expr): Node {
  const [op, body] = Object.entries(expr)[0] ?? ['', undefined];
  if (op === 'is') return isNodeOf(body as { left: Expr; entity_type: string; in?: Expr });
  if (op === 'Value' || op === 'Var' || op === 'Slot') return { op, args: [] };
  if (op === 'Record') return { op, args: Object.values(body as Record<string, Expr>) };
  if (Array.isArray(body)) return { op, args: body as Expr[] };
  const { left, right, arg, if: condition, then, else: otherwise } = body as Record<string, Expr | undefined>;
  const args = [left, right, arg, condition, then, otherwise].filter((part) => part !== undefined);
  return { op, args, ...(left !== undefined && { left }), ...(right !== undefined && { right }) };
}

function isNodeOf({ left, entity_type: type, in: inside }: { left: Expr; entity_type: string; in?: Expr }): Node {
  return { op: 'is', args: inside === undefined ? [left] : [left, inside], left, type };
}

/** The path of an attribute chain that begins at a variable: `context.http.path`; also of the variable alone. */
export function pathOf(expr: Expr): readonly string[] | undefined {
  if ('Var' in expr) return [expr.Var as string];
  if (!('.' in expr)) return undefined;
  const { left, attr } = expr['.'] as { left: Expr; attr: string };
  const base = pathOf(left);
  return base === undefined ? undefined : [...base, attr];
}

/** What `.` and `has` ask for: an expression, and the names looked up in it one after the other. */
export function memberOf(expr: Expr): { readonly of: Expr; readonly names: readonly string[] } | undefined {
  const member = '.' in expr ? expr['.'] : 'has' in expr ? expr.has : undefined;
  if (member === undefined) return undefined;
  const { left, attr } = member as { left: Expr; attr: string | readonly string[] };
  return { of: left, names: typeof attr === 'string' ? [attr] : attr };
}

/** The literal string, when the expression is one. */
export function stringOf(expr: Expr): string | undefined {
  const value = 'Value' in expr ? expr.Value : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The literal number, when the expression is one that JavaScript can hold; a negative one is a negation. */
export function wholeOf(expr: Expr): number | undefined {
  const value = 'neg' in expr ? wholeOf((expr['neg'] as { arg: Expr }).arg) : 'Value' in expr ? expr.Value : undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return undefined;
  return 'neg' in expr ? -value : value;
}

/** The literal entity, when the expression is one. */
export function entityOf(expr: Expr): { readonly type: string; readonly id: string } | undefined {
  const value = 'Value' in expr ? expr.Value : undefined;
  if (typeof value !== 'object' || value === null || !('__entity' in value)) return undefined;
  return value['__entity'] as { type: string; id: string };
}

/** The elements of a set literal. */
export function elementsOf(expr: Expr): readonly Expr[] | undefined {
  return 'Set' in expr ? expr.Set : undefined;
}

/** What the expression may come to be: the elements of a set literal, the branches of an `if`. */
export function branchesOf(expr: Expr): readonly Expr[] {
  if (!('if-then-else' in expr)) return elementsOf(expr) ?? [];
  const { then, else: otherwise } = expr['if-then-else'] as { then: Expr; else: Expr };
  return [then, otherwise];
}

/** The fields of a record literal. */
export function fieldsOf(expr: Expr): readonly (readonly [name: string, value: Expr])[] {
  return 'Record' in expr ? Object.entries(expr.Record as Record<string, Expr>) : [];
}

/** One field of a record, literal or not. */
export function fieldOf(expr: Expr, name: string): Expr {
  const found = fieldsOf(expr).find(([field]) => field === name);
  return found?.[1] ?? { '.': { left: expr, attr: name } };
}

/** A `like` pattern as the literal parts between its wildcards: `a*b` is `['a', 'b']`, `*` is `['', '']`. */
export function likeOf(expr: Expr): { readonly of: Expr; readonly parts: readonly string[] } | undefined {
  if (!('like' in expr)) return undefined;
  const { left, pattern } = expr.like as { left: Expr; pattern: readonly ('Wildcard' | { Literal: string })[] };
  const parts = [''];
  for (const element of pattern) {
    if (element === 'Wildcard') parts.push('');
    else parts.push((parts.pop() ?? '') + element.Literal);
  }
  return { of: left, parts };
}

/** Cedar's `like` over the parts between wildcards: each `*` stands for any run of characters, also none. */
export function isLike(text: string, parts: readonly string[]): boolean {
  const [prefix = '', ...rest] = parts;
  const suffix = rest.pop();
  if (suffix === undefined) return text === prefix;
  if (!text.startsWith(prefix)) return false;
  let at = prefix.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - suffix.length >= at && text.endsWith(suffix);
}
