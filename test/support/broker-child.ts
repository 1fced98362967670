import { once } from 'node:events';
import { authorityFor, destinationNamed, exchangeProvider, permitFor, startBroker } from './broker.ts';

// A process that obtains one credential and then waits to be killed: `node broker-child.ts FOLDER ISSUER`.
const [, , folder = '', issuer = ''] = process.argv;
const destination = destinationNamed('tickets');
const client = await authorityFor(issuer, folder);
const { broker } = startBroker({ folder, providers: new Map([[destination, exchangeProvider(client)]]) });
await broker.obtain(permitFor({ destination }));
process.stdout.write('issued\n');
await once(process.stdin, 'end');
