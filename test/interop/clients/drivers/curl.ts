import { tool } from '../../support/tools.ts';
import type { Client } from '../client.ts';

const curl: Client = {
  name: 'curl',
  took: 'nothing',
  prepare: async () => {
    const program = await tool('curl');
    return ({ method, url, headers = {}, file, chunked, times = 1 }) => {
      const fields = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
      // From standard input curl cannot know the length.
      const upload = file === undefined ? [] : ['--upload-file', chunked === true ? '-' : file];
      const argv = [
        '--silent',
        '--show-error',
        '--include',
        '--suppress-connect-headers',
        '--no-buffer',
        '--request',
        method,
        ...fields,
        ...upload,
      ];
      return {
        program,
        argv: [...argv, ...Array.from({ length: times }, () => url)],
        ...(chunked === true && file !== undefined ? { input: file } : {}),
      };
    };
  },
};

export const clients = [curl];
