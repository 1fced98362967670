import { readdirSync } from 'node:fs';
import { lacking, type Client, type Row } from './client.ts';
import type { ServiceClient } from './service-client.ts';

/**
 * A client is added as one file in drivers/. It exports `clients`, which are asked for single requests and go through the table of scenarios, or
 * `serviceClients`, which bring the service they call (gRPC, WebSocket, MCP, a model's SDK, a browser) and are asked for one allowed, one denied and
 * one long call; or `rows` alone, where a client has a suite of its own. Whichever it is, `npm run matrix` then writes its row into the README.
 */
interface Driver {
  readonly clients?: readonly Client[];
  readonly serviceClients?: readonly ServiceClient[];
  readonly rows?: readonly Row[];
}

const folder = new URL('drivers/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
const drivers = await Promise.all(files.toSorted().map(async (name) => (await import(new URL(name, folder).href)) as Driver));

export const clients: readonly Client[] = drivers.flatMap((driver) => driver.clients ?? []);
export const serviceClients: readonly ServiceClient[] = drivers.flatMap((driver) => driver.serviceClients ?? []);
export const rows: readonly Row[] = [...clients.map(withLacks), ...drivers.flatMap((driver) => driver.rows ?? []), ...serviceClients];

function withLacks({ lacks = [], limits = [], ...client }: Client): Row {
  return { ...client, limits: [...lacks.map((lack) => lacking[lack]), ...limits] };
}
