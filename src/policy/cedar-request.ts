import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Attribute, AttributeValue } from './attributes.ts';
import type { AccessRequest } from './policy.ts';
import { actionOf, type Fields, recordsOf } from './records.ts';
import { endpointId } from './schema.ts';

/** One access request in Cedar's JSON. */
export interface CedarRequest {
  readonly principal: { type: string; id: string };
  readonly action: { type: string; id: string };
  readonly resource: { type: string; id: string };
  readonly context: Fields<CedarValueJson>;
  readonly entities: EntityJson[];
}

/**
 * Says a request in Cedar's words, with exactly the attributes of the table. Lone surrogates become U+FFFD: Cedar's JSON reader throws
 * on them, and each throw leaves its memory a little smaller.
 */
export function cedarRequest(request: AccessRequest, attributes: readonly Attribute[]): CedarRequest {
  const { principal, operation, target } = request;
  const records = recordsOf(request, attributes, asCedar);
  const destination = { type: 'Destination', id: target.destination.name };
  const agent = { type: 'Agent', id: principal.id.toWellFormed() };
  const endpoint = { type: 'Endpoint', id: endpointId(destination.id, operation.templated ? operation.resource : undefined) };
  return {
    principal: agent,
    action: { type: 'Action', id: actionOf(request) },
    resource: endpoint,
    context: records.context,
    entities: [
      { uid: agent, attrs: records.principal, parents: [] },
      { uid: endpoint, attrs: records.resource, parents: [destination] },
    ],
  };
}

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
