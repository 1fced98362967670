import { hash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '../json-value.ts';
import type { Attribute, AttributeValue } from './attributes.ts';
import type { AccessRequest } from './policy.ts';
import { actionOf, type Fields, recordsOf } from './records.ts';
import { groupOf } from './schema.ts';

/** An access request as AuthZEN 1.0 §5 writes it; OPA's `input` is the same document. */
export interface Evaluation {
  readonly subject: { readonly type: 'agent'; readonly id: string; readonly properties: Fields<JsonValue> };
  readonly action: { readonly name: string; readonly properties: Fields<JsonValue> };
  readonly resource: { readonly type: string; readonly id: string; readonly properties: Fields<JsonValue> };
  readonly context: Fields<JsonValue>;
}

/** What the resource of an action is; of any other an endpoint: a path, or its template. */
const resourceTypes: Readonly<Record<string, string>> = {
  call_tool: 'tool',
  get_prompt: 'prompt',
  read_resource: 'resource',
  infer: 'model',
};

/**
 * Says a request with every attribute of the table. The resource's id begins with its destination, as operations are written, so that
 * `/users` of one is never taken for that of another. In a list, arguments are not known yet: `context.listing` says so.
 */
export function evaluationOf(request: AccessRequest, attributes: readonly Attribute[]): Evaluation {
  const { principal, operation, target, listing } = request;
  const records = recordsOf(request, attributes, asJson);
  const name = actionOf(request);
  const destination = target.destination.name;
  const resource = operation.resource.toWellFormed();
  return {
    subject: { type: 'agent', id: principal.id.toWellFormed(), properties: records.principal },
    action: { name, properties: { group: groupOf(name) ?? name } },
    resource: {
      type: Object.hasOwn(resourceTypes, name) ? (resourceTypes[name] ?? '') : 'endpoint',
      id: `${destination} ${resource}`,
      properties: { destination, name: resource, ...records.resource },
    },
    context: { ...records.context, ...(listing === true && { listing }) },
  };
}

/** Two evaluations with the same key differ in nothing but the time. */
export function keyOf({ context: { time: _passing, ...context }, ...rest }: Evaluation): string {
  return hash('sha256', canonicalJson({ ...rest, context }), 'base64url');
}

type Write = (value: AttributeValue) => JsonValue;

const asItIs: Write = (value) => value;

const asJson: Readonly<Record<Attribute['type'], Write>> = {
  String: (value) => String(value).toWellFormed(),
  Bool: asItIs,
  Long: asItIs,
  Decimal: Number,
  Longs: asItIs,
  Set: (value) => (value as readonly string[]).map((element) => element.toWellFormed()),
  Intent: (value) => String(value).toWellFormed(),
  Time: (value) => new Date(value as number).toISOString(),
};
