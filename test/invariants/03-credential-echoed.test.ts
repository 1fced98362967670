import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startEcho } from '../support/echo.ts';
import type { Answer } from '../support/origin.ts';

const codings: Readonly<Record<string, (body: string) => Uint8Array>> = {
  identity: (body) => Buffer.from(body),
  gzip: gzipSync,
  deflate: deflateSync,
  'raw deflate': deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};
const percent = (text: string) => text.replaceAll(/[^]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
const writings: Readonly<Record<string, (secret: string) => string>> = {
  plain: (secret) => secret,
  percent: encodeURIComponent,
  'lower percent': (secret) => encodeURIComponent(secret).replaceAll(/%../g, (hex) => hex.toLowerCase()),
  'percent throughout': percent,
  'JSON of PHP': (secret) => secret.replaceAll('/', String.raw`\/`),
  'JSON of Go': (secret) => secret.replaceAll('+', String.raw`\u002b`).replaceAll('/', String.raw`\u002F`),
  HTML: (secret) => secret.replaceAll('+', '&#43;').replaceAll('/', '&#x2F;'),
  ...Object.fromEntries(
    [0, 1, 2].map((offset) => [`base64 at ${offset}`, (secret: string) => btoa('a'.repeat(offset) + secret + ' tail')]),
  ),
  base64url: (secret) => Buffer.from(`Bearer ${secret}`).toString('base64url'),
};

/** Echoes as the path says: how written, in which coding, in how large pieces. */
const hostile: (secret: string) => Answer = (secret) => async (request, response) => {
  const [, writing = '', coding = '', size = ''] = decodeURIComponent(request.url ?? '').split('/');
  const echo = writings[writing]?.(secret) ?? '';
  const body = Buffer.from(codings[coding]?.(`{"padding":"${'-'.repeat(200)}","a":"${echo}","b":"${echo}${echo}"}\n`) ?? '');
  const contentEncoding = coding === 'identity' ? {} : { 'content-encoding': coding.replace('raw ', '') };
  response.writeHead(200, { 'x-echo': echo, 'x-quoted': `"${echo}"`, ...contentEncoding, trailer: 'x-late' });
  for (let at = 0; at < body.length; at += Number(size)) {
    response.write(body.subarray(at, at + Number(size)));
    if (Number(size) < 1000) await turn();
  }
  response.addTrailers({ 'x-late': echo });
  response.end();
};

test('what a destination echoes of the credential it was sent does not reach the agent: no field, no body in any coding, no trailer, however it is split', async () => {
  await using world = await startEcho(hostile);
  const { secret } = world;
  for (const writing of Object.keys(writings)) {
    for (const coding of Object.keys(codings)) {
      for (const size of [1_000_000, 7]) {
        const path = `/${writing}/${coding}/${size}`;
        const { status, head, body } = await world.ask(encodeURI(path), ['TE: trailers', 'Accept-Encoding: gzip, deflate, br, zstd']);
        assert.equal(status, 200, path);
        assert.match(head, /x-echo: [^\n]*\*{20}/, path);
        assert.match(body, /x-late: [^\n]*\*{20}/, path);
        // Chunk sizes stand between.
        const text = body.replaceAll(/\r\n[\da-f]+\r\n/g, '');
        assert.match(text, /"padding":"-{200}","a":"[^"]*\*{20}[^"]*","b":"[^"]*\*{20}[^"]*\*{20}[^"]*"\}/, path);
        for (const found of piecesIn(head + text, secret)) assert.fail(`${found} in the answer to ${path}`);
      }
    }
  }
  const events = await world.exeat.events({ kind: 'credential.reflected' }, Object.keys(writings).length * Object.keys(codings).length * 2);
  assert.ok(events.every(({ place }) => place === 'header'));
  assert.ok(!JSON.stringify(world.exeat.allEvents()).includes(secret));
});

/** Four characters of the secret that stand in the text or in what its parts decode to. */
function piecesIn(text: string, secret: string): string[] {
  const words = text.match(/[\w+/-]{8,}/g) ?? [];
  const decoded = words.flatMap((word) => [0, 1, 2, 3].map((skip) => Buffer.from(word.slice(skip), 'base64').toString('latin1')));
  const plain = text.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  // The head comes in lower case.
  const places = [text, plain, plain.toLowerCase(), ...decoded];
  const pieces = Array.from({ length: secret.length - 3 }, (_, i) => secret.slice(i, i + 4));
  return pieces.filter((piece) => places.some((place) => place.includes(piece)));
}
