import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { execute } from './program.ts';
import { tool } from './tools.ts';

/** A certificate that is its own root, for servers on loopback that go by these names; `file` is what to trust. */
export interface ServerCertificate {
  readonly file: string;
  readonly cert: string;
  readonly key: string;
}

export async function createCertificate(folder: string, names: readonly string[]): Promise<ServerCertificate> {
  const file = join(folder, 'server.pem');
  const keyFile = join(folder, 'server.key');
  const subject = ['-subj', '/CN=Exeat interop', '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  await execute(await tool('openssl'), ['req', '-x509', ...key, ...subject, '-days', '2', '-out', file]);
  return { file, cert: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
