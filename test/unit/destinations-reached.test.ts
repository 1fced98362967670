import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../../src/destination.ts';
import { isRefusal, refuse } from '../../src/errors.ts';
import { destinationsReached } from '../../src/protocol/reached.ts';
import type { Task } from '../../src/tasks/task.ts';

const destination = { name: 'files' } as Target['destination'];
const task = { destinations: new Set(['files']) } as unknown as Task;

function reached(url: string) {
  return destinationsReached([url], {
    task,
    resolve(requested) {
      const ours = requested.door !== 'route' && requested.host === 'ok.example' && requested.port === 443;
      return ours ? { destination, host: requested.host, path: requested.path, query: requested.query } : refuse('destination_unknown');
    },
  });
}

test('a URL of a destination may be reached', () => {
  for (const url of ['https://ok.example', 'https://ok.example/a?b#c', 'HTTPS://OK.EXAMPLE:443/a', 'https://ok.example/%5Cb@c'])
    assert.deepEqual(reached(url), ['files'], url);
});

test('a URL that another reader may take for one of another host is not', () => {
  for (const url of [
    'https://ok.example\\@evil.example/',
    'https:\\\\ok.example',
    'https:ok.example',
    'https:///ok.example',
    'https://evil.example@ok.example/',
    'https://ok.example:x@evil.example/',
    'https://ok.example./',
    'https://ok\t.example/',
    ' https://ok.example/',
    'https://ok.example/\n',
    'https://\uFF4F\uFF4B.example/',
    'https://ok%2Eexample/',
    'https://[::1]/',
    'https://ok.example:444/',
    'ftp://ok.example/',
    '//ok.example/',
    '',
  ])
    assert.ok(isRefusal(reached(url)), JSON.stringify(url));
});
