// The embedded authority in a process of its own. Settings come in as JSON; asked over IPC, it says how many tokens it has issued.
import { once } from 'node:events';
import { startAuthority, type AuthorityOptions } from '../src/authority/authority.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as AuthorityOptions;
await using authority = await startAuthority({ ...settings, now: Date.now });
process.on('message', () => process.send?.({ issued: authority.counters.issued }));
process.send?.({ issuer: authority.issuer });
await once(process, 'SIGTERM');
process.disconnect?.();
