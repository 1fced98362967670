import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Attribute, AttributeValue } from './attributes.ts';
import type { AccessRequest } from './policy.ts';
import { endpointId, isAction } from './schema.ts';

/** One access request in Cedar's JSON. */
export interface CedarRequest {
  readonly principal: { type: string; id: string };
  readonly action: { type: string; id: string };
  readonly resource: { type: string; id: string };
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

/**
 * Says a request in Cedar's words, with exactly the attributes of the table. Lone surrogates become U+FFFD: Cedar's JSON reader throws
 * on them, and each throw leaves its memory a little smaller.
 */
export function cedarRequest(request: AccessRequest, attributes: readonly Attribute[]): CedarRequest {
  const { principal, operation, target } = request;
  const values: Record<string, Fields> = { principal: {}, resource: {}, context: {} };
  const action = actionOf(request);
  for (const attribute of attributes) {
    if (attribute.actions?.has(action) === false) continue;
    const value = attribute.read(request);
    // The records on the way exist even when what they would hold does not.
    const record = recordAt(values, attribute.path);
    if (value !== undefined) record[attribute.path.at(-1) ?? ''] = asCedar[attribute.type](value);
  }
  const destination = { type: 'Destination', id: target.destination.name };
  const agent = { type: 'Agent', id: principal.id.toWellFormed() };
  const endpoint = { type: 'Endpoint', id: endpointId(destination.id, operation.templated ? operation.resource : undefined) };
  return {
    principal: agent,
    action: { type: 'Action', id: action },
    resource: endpoint,
    context: values['context'] ?? {},
    entities: [
      { uid: agent, attrs: values['principal'] ?? {}, parents: [] },
      { uid: endpoint, attrs: values['resource'] ?? {}, parents: [destination] },
    ],
  };
}

/** The Cedar action of a call: its method, but `mint` for whatever creates standing access, and `websocket` for a handshake. */
export function actionOf({ operation }: AccessRequest): string {
  return isAction(operation.group) ? operation.group : operation.action;
}

type Fields = Record<string, CedarValueJson>;

const asCedar: Readonly<Record<Attribute['type'], (value: AttributeValue) => CedarValueJson>> = {
  String: (value) => (value as string).toWellFormed(),
  Bool: (value) => value as boolean,
  Long: (value) => value as number,
  Decimal: (value) => ({ __extn: { fn: 'decimal', arg: value as string } }),
  Longs: (value) => [...(value as readonly number[])],
  Set: (value) => (value as readonly string[]).map((element) => element.toWellFormed()),
  Intent: (value) => ({ __entity: { type: 'Intent', id: String(value).toWellFormed() } }),
  Time: (value) => ({ __extn: { fn: 'datetime', arg: new Date(value as number).toISOString() } }),
};

function recordAt(root: Fields, path: readonly string[]): Fields {
  let record = root;
  for (const name of path.slice(0, -1)) record = (record[name] ??= {}) as Fields;
  return record;
}
