import { tool } from '../../support/tools.ts';
import type { Client } from '../client.ts';

export const wget: Client = {
  name: 'wget',
  lacks: ['chunked'],
  prepare: async () => {
    const program = await tool('wget');
    return ({ method, url, headers = {}, file, times = 1 }) => ({
      program,
      argv: [
        '--quiet',
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
