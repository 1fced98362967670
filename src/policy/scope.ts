import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Destination } from '../destination.ts';
import { endpointId, groupOf } from './schema.ts';

/** An entity as Cedar's JSON may write it. */
export type EntityLiteral = Entity | { readonly __entity: Entity };

export interface Entity {
  readonly type: string;
  readonly id: string;
}

/** One line of a policy's head, whichever of its forms it has. */
export interface Constraint {
  readonly op: string;
  readonly entity?: EntityLiteral;
  readonly entities?: readonly EntityLiteral[];
  readonly entity_type?: string;
  readonly in?: { readonly entity?: EntityLiteral };
}

/** The heads of a policy: principal, action, resource. */
export function headsOf({ principal, action, resource }: PolicyJson): Readonly<Record<'principal' | 'action' | 'resource', Constraint>> {
  return { principal: principal as Constraint, action, resource: resource as Constraint };
}

export function entitiesIn({ entity, entities, in: inside }: Constraint): readonly Entity[] {
  const literals = [entity, ...(entities ?? []), inside?.entity].filter((literal) => literal !== undefined);
  return literals.map((literal) => ('__entity' in literal ? literal['__entity'] : literal));
}

/** The head lets calls with this action through. */
export function admitsAction(constraint: Constraint, action: string): boolean {
  const group = constraint.op === 'in' ? groupOf(action) : undefined;
  const among = entitiesIn(constraint);
  return constraint.op === 'All' || among.some(({ id }) => id === action || id === group);
}

/** The head lets calls to this destination and template through; no template = a path that matches none. */
export function admitsResource(constraint: Constraint, destination: string, template: string | undefined): boolean {
  const [entity] = entitiesIn(constraint);
  if (entity === undefined) return true;
  if (entity.type === 'Endpoint') return entity.id === endpointId(destination, template);
  return constraint.op !== '==' && entity.type === 'Destination' && entity.id === destination;
}

/** What the resource head leaves of the destinations and their operations; everything, where it names nothing that exists. */
export function reach(constraint: Constraint, destinations: readonly Destination[]): readonly Destination[] {
  const [entity] = entitiesIn(constraint);
  const reached = destinations.flatMap((destination) => {
    if (entity?.type !== 'Endpoint') return admitsResource(constraint, destination.name, undefined) ? [destination] : [];
    const admitted = (resource: string): boolean => admitsResource(constraint, destination.name, resource);
    const operations = destination.operations.filter(admitted);
    const tools = destination.tools && new Map([...destination.tools].filter(([name]) => admitted(name)));
    return operations.length === 0 && (tools?.size ?? 0) === 0 ? [] : [{ ...destination, operations, ...(tools && { tools }) }];
  });
  return reached.length === 0 ? destinations : reached;
}
