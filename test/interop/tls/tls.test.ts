// Strict verifiers that people use look at certificates of Exeat's CA; each learns of it by its environment variables or its own option.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { trustEnvironment } from '../../../src/ingress/trust-variables.ts';
import { start, type Ended } from '../support/program.ts';
import { environment, tool } from '../support/tools.ts';
import { fresh, name, type Situation, situations, writeChain } from './situations.ts';
import { type Command, verifiers, type Visit } from './verifiers.ts';

const hosts = [name, '127.0.0.1', '2001:db8::7', `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.example.com`];

const stack = new AsyncDisposableStack();
const made = new Map<string, Situation>();
let stranger: Situation;

before(async () => {
  for (const [what, make] of Object.entries(situations)) made.set(what, stack.use(await make()));
  stranger = stack.use(await fresh());
});
after(() => stack.disposeAsync());

for (const verifier of verifiers) {
  suite(verifier.name, () => {
    let command: (visit: Visit) => Command;
    before(
      async () => {
        command = await verifier.prepare();
      },
      { timeout: 15 * 60_000 },
    );
    const look = (visit: Wishes) => verdict(command, visit);

    for (const what of Object.keys(situations)) {
      test(`accepts a leaf ${what}`, async () => assertAccepted(await look({ situation: of(what) })));
    }
    for (const host of hosts.slice(1)) {
      test(`accepts a leaf for ${host.length > 64 ? `a name of ${host.length} characters` : host}`, async () =>
        assertAccepted(await look({ situation: usual(), host })));
    }
    test('refuses a leaf for another host', async () => {
      assertRefused(await look({ situation: usual(), host: 'other.example.com', expected: name }));
    });
    test('refuses a leaf of a CA that it was not told of', async () => {
      assertRefused(await look({ situation: usual(), trust: stranger.place.folders.publish }));
    });
    if (verifier.resumes === true) {
      test('resumes its session', async () => {
        assert.match((await look({ situation: usual() })).stdout, /accepted\n.* resumed\n/);
      });
    }
  });
}

suite('openssl s_client', () => {
  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`resumes its session by ${version}`, async () => {
      const { place, server } = usual();
      server.host = name;
      const file = `${place.folders.publish}/../session.pem`;
      const connect = async (option: string): Promise<string> => {
        const argv = ['s_client', version, option, file, '-ign_eof', '-connect', `127.0.0.1:${server.port}`, '-servername', name];
        return (await run({ program: await tool('openssl'), argv }, environment())).stdout;
      };
      assert.match(await connect('-sess_out'), /^New, TLSv1\.[23]/m);
      assert.match(await connect('-sess_in'), /^Reused, TLSv1\.[23]/m);
    });
  }
});

interface Wishes {
  readonly situation: Situation;
  /** Whom the server claims to be. */
  readonly host?: string;
  /** Whom the client asks for; the same unless said. */
  readonly expected?: string;
  /** What the client was told to trust; what is right unless said. */
  readonly trust?: string;
}

async function verdict(command: (visit: Visit) => Command, wishes: Wishes): Promise<Ended> {
  const { situation, host = name, expected = host, trust = situation.place.folders.publish } = wishes;
  const { server } = situation;
  server.host = host;
  const chain = await writeChain(situation);
  const { SSL_CERT_DIR: _others, ...env } = environment();
  return run(command({ host: expected, port: server.port, chain, trust }), { ...env, ...trustEnvironment(trust, {}) });
}

async function run({ program, argv }: Command, env: Readonly<Record<string, string>>): Promise<Ended> {
  await using running = start(program, argv, { env });
  return await running.ended();
}

function assertAccepted({ code, stdout, stderr }: Ended): void {
  assert.equal(code, 0, `${stdout.slice(-3000)}\n${stderr.slice(-3000)}`);
}

/** For what it is, not for a mistake in how it was asked. */
function assertRefused({ code, stdout, stderr }: Ended): void {
  assert.notEqual(code, 0);
  assert.match(`${stdout}${stderr}`, /certificat|alternative DNS name|verification failed/i);
  assert.doesNotMatch(`${stdout}${stderr}`, /accepted|usage:/i);
}

function usual(): Situation {
  return of('of the CA that Exeat made');
}

function of(what: string): Situation {
  const situation = made.get(what);
  assert.ok(situation);
  return situation;
}
