import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pemOf } from '../../../src/ingress/issuing.ts';
import { type CaPlace, createCaPlace, dayMs } from '../../support/ca.ts';
import { createCa } from '../../support/own-ca.ts';
import { serveTls, type TlsHost } from '../../support/tls-host.ts';

/** A CA with a server that shows its leaves. */
export interface Situation extends AsyncDisposable {
  readonly place: CaPlace;
  readonly server: TlsHost;
}

export const name = 'api.example.com';

/** How leaves come about, by what is said of them. */
export const situations: Readonly<Record<string, () => Promise<Situation>>> = {
  'of the CA that Exeat made': fresh,
  'of a successor, for a task from after its publication': () => succeeded((today) => today + 1),
  'of a CA that has a successor, for a task from before that': () => succeeded((today) => today - dayMs),
  'of a CA that was brought along, below an RSA root': () => broughtAlong(),
};

/** A CA made just now. */
export function fresh(): Promise<Situation> {
  return made(createCaPlace());
}

/** Writes what the server sends for this host, as PEM, and says where. */
export async function writeChain({ place, server }: Situation): Promise<string> {
  const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const sent: Buffer[] = [];
  for (let at = socket.getPeerX509Certificate(); at !== undefined; at = at.issuerCertificate) sent.push(at.raw);
  socket.destroy();
  const file = join(place.folders.publish, '..', 'chain.pem');
  writeFileSync(file, sent.map(pemOf).join(''));
  return file;
}

async function made(place: CaPlace, config?: Parameters<CaPlace['open']>[0]): Promise<Situation> {
  await using stack = new AsyncDisposableStack();
  stack.use(place);
  const server = stack.use(await serveTls(stack.use(await place.open(config)), name));
  const all = stack.move();
  return { place, server, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** The CA is old enough to have a successor today. */
async function succeeded(openedAt: (today: number) => number): Promise<Situation> {
  const place = createCaPlace();
  const today = place.at;
  place.at -= 310 * dayMs;
  const situation = await made(place);
  place.at = today;
  // Clients know both before the first leaf of either.
  await writeChain(situation);
  situation.server.openedAt = openedAt(today);
  return situation;
}

async function broughtAlong(): Promise<Situation> {
  const place = createCaPlace();
  const root = await createCa({ key: 'RSA' });
  const own = await root.below({ name: 'Own', key: 'P-384', pathLength: 0 });
  const file = (name: string, text: string): { file: string } => {
    const path = join(place.folders.publish, '..', name);
    writeFileSync(path, text, { mode: 0o600 });
    return { file: path };
  };
  return made(place, { certificate: file('own.pem', own.certificate + root.certificate), key: file('own.key', own.key) });
}
