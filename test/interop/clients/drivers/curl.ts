import { tool } from '../../support/tools.ts';
import type { Client } from '../client.ts';

const curl: Client = { ...curlWith('curl', (file) => ['--upload-file', file]), http2: true };
/** It reads all of a file before it sends anything. */
const curlWithData: Client = {
  ...curlWith('curl --http1.1 --data-binary', (file) => ['--data-binary', `@${file}`], '--http1.1'),
  lacks: ['chunked'],
};

export const clients: readonly Client[] = [curl, curlWithData];

function curlWith(name: string, sending: (file: string) => readonly string[], ...options: readonly string[]): Client {
  return {
    name,
    took: 'nothing',
    limits: ['shows of a refused CONNECT the status alone, unless asked with -v'],
    prepare: async () => {
      const program = await tool('curl');
      return ({ method, url, headers = {}, file, chunked, times = 1 }) => {
        const fields = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
        // From standard input curl cannot know the length.
        const upload = file === undefined ? [] : sending(chunked === true ? '-' : file);
        const argv = [
          '--silent',
          '--show-error',
          '--include',
          '--suppress-connect-headers',
          '--no-buffer',
          ...options,
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
}
