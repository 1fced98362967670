import type { Attribute, AttributeValue } from './attributes.ts';
import type { AccessRequest } from './policy.ts';
import { isAction } from './schema.ts';

/** A record of the attribute table, filled; `T` is how values are written. */
export interface Fields<T> {
  [name: string]: T | Fields<T>;
}

export interface Records<T> {
  readonly principal: Fields<T>;
  readonly resource: Fields<T>;
  readonly context: Fields<T>;
}

/** What the table says of a request, for engines that are told everything. The records on the way exist even where what they would hold does not. */
export function recordsOf<T>(
  request: AccessRequest,
  attributes: readonly Attribute[],
  write: Readonly<Record<Attribute['type'], (value: AttributeValue) => T>>,
): Records<T> {
  const records: Records<T> = { principal: {}, resource: {}, context: {} };
  const action = actionOf(request);
  for (const attribute of attributes) {
    const { path, type, actions } = attribute;
    if (actions?.has(action) === false) continue;
    const record = recordAt(records, path);
    const value = attribute.read(request);
    if (value !== undefined) record[path.at(-1) ?? ''] = write[type](value);
  }
  return records;
}

/** The action of a call as policy names it: its method, but `mint` for whatever creates standing access, and `websocket` for a handshake. */
export function actionOf({ operation }: AccessRequest): string {
  return isAction(operation.group) ? operation.group : operation.action;
}

function recordAt<T>(records: Records<T>, path: readonly string[]): Fields<T> {
  let record: Fields<T> = { ...records };
  for (const name of path.slice(0, -1)) {
    const inside: unknown = record[name] ?? {};
    record[name] = inside as Fields<T>;
    record = inside as Fields<T>;
  }
  return record;
}
