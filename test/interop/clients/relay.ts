import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Passes bytes on to the sidecar, and counts the connections that a client makes to it. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  connections(): number;
}

export async function startRelay(target: string): Promise<Relay> {
  const { hostname, port } = new URL(`http://${target}`);
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections += 1;
    const sidecar = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    for (const [from, to] of [
      [client, sidecar],
      [sidecar, client],
    ] as const) {
      pipeline(from, to).catch(() => {
        client.destroy();
        sidecar.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
