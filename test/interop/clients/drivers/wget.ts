import { tool } from '../../support/tools.ts';
import type { Client } from '../client.ts';

const wget: Client = {
  name: 'wget',
  // Where it is built with GnuTLS it reads no variable.
  took: 'setting: `--ca-certificate="$SSL_CERT_FILE"`',
  limits: ['shows of a refused CONNECT the reason alone'],
  lacks: ['chunked'],
  tunnelRefused: /Proxy tunneling failed: /,
  prepare: async () => {
    const program = await tool('wget');
    return ({ method, url, headers = {}, file, times = 1 }) => ({
      program: '/bin/sh',
      argv: [
        '-c',
        'exec "$0" --ca-certificate="$SSL_CERT_FILE" "$@"',
        program,
        '--no-verbose',
        '--save-headers',
        '--content-on-error',
        '--tries=1',
        '--output-document=-',
        `--method=${method}`,
        ...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
        ...(file === undefined ? [] : [`--body-file=${file}`]),
        ...Array.from({ length: times }, () => url),
      ],
    });
  },
};

export const clients = [wget];
