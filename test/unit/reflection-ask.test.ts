import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableCodings } from '../../src/egress/content-coding.ts';
import { askSearchably } from '../../src/egress/guarded-head.ts';

for (const [agent, sent] of [
  ['gzip, deflate, br, zstd', 'gzip, deflate, br, zstd'],
  ['gzip, deflate, br, zstd, dcb, dcz', 'gzip, deflate, br, zstd'],
  ['GZIP;q=0.8,identity;q=0.5', 'GZIP;q=0.8,identity;q=0.5'],
  ['compress, br', 'br'],
  ['compress', 'identity'],
  ['*', 'identity'],
  ['gzip, *;q=0.5', 'gzip'],
  ['gzip, *;q=0', 'gzip, *;q=0'],
  ['identity;q=1, *;q=0.000', 'identity;q=1, *;q=0.000'],
  ['', 'identity'],
  ['constructor, __proto__', 'identity'],
]) {
  test(`of the codings "${agent}" the destination is asked for "${sent}"`, () => {
    for (let twice = 0; twice < 2; twice += 1) assert.equal(readableCodings(agent ?? ''), sent);
  });
}

const ranges: readonly [range: string, passes: boolean][] = [
  ['bytes=0-0', true],
  ['bytes=0-', true],
  ['bytes=100-131', true],
  ['bytes=100-', true],
  ['bytes=-32', true],
  [' bytes = 5 - 50 ', true],
  ['bytes=100-130', false],
  ['bytes=20-10', false],
  ['bytes=-31', false],
  ['bytes=-', false],
  ['bytes=0-9,20-29', false],
  ['bytes=0-9, -32', false],
  ['items=0-9', false],
  ['', false],
];

for (const [range, passes] of ranges) {
  test(`a Range of "${range}" ${passes ? 'goes on, with no coding asked for' : 'is left out'}`, () => {
    const fields = ['Accept-Encoding', 'gzip', 'Range', range, 'If-Range', '"1"'];
    const inPart = ['Accept-Encoding', 'identity', 'Range', range, 'If-Range', '"1"'];
    assert.deepEqual(asked(fields), passes ? inPart : ['Accept-Encoding', 'gzip']);
    assert.deepEqual(asked(fields, false), ['Accept-Encoding', 'gzip']);
    assert.deepEqual(asked(['range', range]), passes ? ['range', range] : []);
  });
}

test('messages of gRPC are asked for uncompressed', () => {
  assert.deepEqual(asked(['grpc-accept-encoding', 'identity,deflate,gzip']), ['grpc-accept-encoding', 'identity']);
});

/** What is made of these fields between two others, which stay as they are. */
function asked(fields: readonly string[], ranges = true): string[] {
  const headers = ['host', 'api.example', ...fields, 'x', 'y'];
  askSearchably(
    headers,
    Array.from({ length: fields.length / 2 }, (_, i) => 2 + 2 * i),
    ranges,
  );
  assert.deepEqual(headers.splice(0, 2), ['host', 'api.example']);
  const at = headers.indexOf('x');
  return [...headers.slice(0, at), ...headers.slice(at + 2)];
}
