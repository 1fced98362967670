import { tool } from '../../support/tools.ts';
import type { Client } from '../client.ts';

export const wget: Client = {
  name: 'wget',
  lacks: ['chunked'],
  tunnelRefused: /Proxy tunneling failed: /,
  prepare: async () => {
    const program = await tool('wget');
    return ({ method, url, headers = {}, file, bundle, times = 1 }) => ({
      program,
      argv: [
        '--no-verbose',
        '--save-headers',
        '--content-on-error',
        '--tries=1',
        '--output-document=-',
        `--method=${method}`,
        // Where it is built with GnuTLS it reads no variable.
        ...(bundle === undefined ? [] : [`--ca-certificate=${bundle}`]),
        ...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
        ...(file === undefined ? [] : [`--body-file=${file}`]),
        ...Array.from({ length: times }, () => url),
      ],
    });
  },
};
