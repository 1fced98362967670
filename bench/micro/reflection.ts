import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Reply } from '../../src/call.ts';
import type { Credential } from '../../src/credentials/credential.ts';
import { Masking } from '../../src/egress/masking.ts';
import { needlesOf } from '../../src/egress/needles.ts';
import { GuardedReply } from '../../src/egress/reflection.ts';
import { Search } from '../../src/egress/search.ts';
import { Secret } from '../../src/secret.ts';

// What the reflection guard adds: to a small answer, per MB of a large one, and how much it holds back. The best of rounds: others use the machine too.

const lease = {
  id: 'lease',
  task: 'task',
  destination: 'api',
  kind: 'static',
  audience: undefined,
  scope: undefined,
  issuedAt: 0,
  expiresAt: 0,
  revocation: 'none',
  shared: true,
  legacy: true,
  fingerprint: '',
} as const;
const jwt = ['eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9', randomBytes(400).toString('base64url'), randomBytes(64).toString('base64url')];
const credentials: Readonly<Record<string, Credential>> = {
  'JWT of 660 characters': credential('authorization', `Bearer ${jwt.join('.')}`),
  'token of 40 characters': credential('authorization', `Bearer ghp_${randomBytes(18).toString('hex')}`),
  'Basic credentials': credential('authorization', `Basic ${btoa(`agent:${randomBytes(18).toString('base64')}`)}`),
  'key of 8 characters': credential('x-api-key', randomBytes(4).toString('hex')),
};

const items = Array.from({ length: 12_000 }, (_, id) => ({
  id,
  name: `Item ${id}`,
  url: `https://api.example.com/items/${id * 7919}`,
  text: 'naïve',
}));
const json = Buffer.from(JSON.stringify(items));
const bodies: Readonly<Record<string, Buffer>> = {
  JSON: json,
  'JSON in a JSON string, all escaped': Buffer.from(JSON.stringify(json.toString()).replaceAll('ï', String.raw`\u00ef`)),
  'percent-encoded': Buffer.from(encodeURIComponent(json.toString())),
  base64: Buffer.from(randomBytes(750_000).toString('base64')),
  'random bytes': randomBytes(1 << 20),
};

const fields = ['content-type', 'application/json', 'date', 'Thu, 01 Jan 2026 00:00:00 GMT', 'via', '1.1 exeat'];
const sink: Reply = {
  started: false,
  gone: false,
  proceed() {},
  start() {},
  flush() {},
  write: () => true,
  end() {},
  breakOff() {},
  onDrain() {},
  onClose() {},
};

for (const [name, each] of Object.entries(credentials)) {
  const search = new Search(needlesOf(each));
  const made = best(50, 20, () => new Search(needlesOf(each)));
  console.log(`\n${name}: ${(made / 1000).toFixed(0)} µs once a credential`);
  for (const size of [64, 300, 1024, 8192]) {
    const body = json.subarray(0, size);
    const head = () => [...fields, 'content-length', String(size)];
    const bare = best(50, 5000, () => {
      sink.start(200, head());
      sink.end(body);
    });
    const guarded = best(50, 5000, () => {
      const reply = guard(search, sink);
      reply.start(200, head());
      reply.end(body);
    });
    console.log(`${(guarded - bare).toFixed(0).padStart(9)} ns added to a JSON answer of ${size} bytes`);
  }
  for (const [kind, body] of Object.entries(bodies)) {
    let held = 0;
    const ns = best(15, 1, () => {
      const masking = new Masking({ search, part: false, onFound() {} });
      for (let at = 0; at < body.length; at += 65_536) masking.push(body.subarray(at, at + 65_536));
      masking.end();
      held = masking.heldBytes;
    });
    console.log(`${perMb(ns, body)} ms a MB of ${kind}, at most ${held} bytes held`);
  }
  let held = 0;
  const echo = Buffer.from(json.toString().replaceAll('naïve', each.headers[0]?.[1].reveal() ?? ''));
  const ns = best(5, 1, () => {
    const masking = new Masking({ search, part: false, onFound() {} });
    for (let at = 0; at < echo.length; at += 1009) masking.push(echo.subarray(at, at + 1009));
    masking.end();
    held = masking.heldBytes;
  });
  console.log(`${perMb(ns, echo)} ms a MB with ${items.length} echoes, at most ${held} bytes held`);
}

console.log('\ncoded JSON, 64 KiB chunks, with a token of 40 characters; CPU of the process');
const search = new Search(needlesOf(credentials['token of 40 characters'] ?? credential('x', 'x'.repeat(40))));
const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
const codings = {
  identity: (body: Buffer) => body,
  gzip: gzipSync,
  br: (body: Buffer) => brotliCompressSync(body, quality),
  zstd: zstdCompressSync,
};
for (const [coding, encode] of Object.entries(codings)) {
  const large = encode(json);
  const small = encode(json.subarray(0, 1024));
  const cpu = await cpuOf(15, () => answer(coding, large));
  const once = await cpuOf(1000, () => answer(coding, small));
  console.log(
    `${((cpu / json.length) * 1048.576).toFixed(2).padStart(9)} ms a MB, ${once.toFixed(1).padStart(5)} µs an answer of 1 KiB  ${coding}`,
  );
}

function answer(coding: string, body: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const reply = guard(search, sink);
    reply.start(200, ['content-type', 'application/json', 'content-encoding', coding]);
    for (let at = 0; at < body.length; at += 65_536) reply.write(body.subarray(at, at + 65_536));
    reply.end();
    reply.onEnded(resolve);
  });
}

function guard(of: Search, reply: Reply): GuardedReply {
  return new GuardedReply(reply, { search: of, ranges: () => true, onEcho() {}, onUnreadable() {} });
}

function credential(name: string, value: string): Credential {
  return { lease, headers: [[name, new Secret(value)]] };
}

/** ns a run, the best of rounds. */
function best(rounds: number, runs: number, run: () => unknown): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < runs; i += 1) run();
    least = Math.min(least, Number(process.hrtime.bigint() - began) / runs);
  }
  return least;
}

/** µs of CPU a run, all threads, the best of rounds. */
async function cpuOf(runs: number, run: () => Promise<void>): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < 7; round += 1) {
    const before = process.cpuUsage();
    for (let i = 0; i < runs; i += 1) await run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / runs);
  }
  return least;
}

function perMb(ns: number, body: Buffer): string {
  return ((ns / body.length) * 1.048576).toFixed(2).padStart(9);
}
