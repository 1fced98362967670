import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { cached } from '../support/cache.ts';
import { execute } from '../support/program.ts';
import { environment, tool } from '../support/tools.ts';

/** What there is to verify. */
export interface Visit {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The file with what the server sends: its certificate first. */
  readonly chain: string;
  /** The folder that was published for clients. Verifiers that read the environment have its variables set. */
  readonly trust: string;
}

export interface Command {
  readonly program: string;
  readonly argv: readonly string[];
}

/** A strict verifier that people use. It ends with 0 when it accepts, with anything else when it refuses. */
export interface Verifier {
  readonly name: string;
  /** It connects twice and says "resumed" the second time. */
  readonly resumes?: true;
  /** Finds, installs or builds it. Fails, saying what to install, where that cannot be. */
  readonly prepare: () => Promise<(visit: Visit) => Command>;
}

const source = (name: string): string => new URL(`programs/${name}`, import.meta.url).pathname;
const hostAndPort = ({ host, port }: Visit): string[] => [host, String(port)];
const bundle = ({ trust }: Visit): string => join(trust, 'bundle.pem');
const serverAuth = '1.3.6.1.5.5.7.3.1';

const python: Verifier = {
  name: 'Python ssl with VERIFY_X509_STRICT',
  resumes: true,
  prepare: async () => {
    const program = await tool('python3');
    return (visit) => ({ program, argv: ['-B', source('strict.py'), ...hostAndPort(visit)] });
  },
};

const go: Verifier = {
  name: 'Go crypto/tls',
  resumes: true,
  prepare: async () => {
    const compiler = await tool('go', 'golang-go');
    const version = await execute(compiler, ['version'], { env: environment() });
    const folder = await cached('go-strict', [version, readFileSync(source('strict.go'), 'utf8')], async (draft) => {
      await execute(compiler, ['build', '-o', join(draft, 'strict'), source('strict.go')], { env: environment(), patienceMs: 5 * 60_000 });
    });
    return (visit) => ({ program: join(folder, 'strict'), argv: hostAndPort(visit) });
  },
};

const java: Verifier = {
  name: 'Java',
  prepare: async () => {
    const program = await tool('java', 'default-jdk-headless');
    await tool('javac', 'default-jdk-headless');
    return (visit) => ({ program, argv: ['-XX:TieredStopAtLevel=1', source('Strict.java'), ...hostAndPort(visit)] });
  },
};

const rustSources = ['Cargo.toml', 'main.rs'];

const rustls: Verifier = {
  name: 'rustls',
  resumes: true,
  prepare: async () => {
    const cargo = await tool('cargo');
    const texts = rustSources.map((name) => readFileSync(source(`rust/${name}`), 'utf8'));
    const folder = await cached('rustls-strict', texts, async (draft) => {
      for (const name of rustSources) copyFileSync(source(`rust/${name}`), join(draft, name));
      await execute(cargo, ['build', '--quiet'], { cwd: draft, env: environment(), patienceMs: 10 * 60_000 });
      for (const name of ['build', 'deps', 'incremental', '.fingerprint']) rmSync(join(draft, 'target/debug', name), { recursive: true });
    });
    return (visit) => ({ program: join(folder, 'target/debug/strict'), argv: hostAndPort(visit) });
  },
};

const opensslClient: Verifier = {
  name: 'openssl s_client -x509_strict',
  prepare: async () => {
    const program = await tool('openssl');
    return (visit) => ({
      program,
      argv: [...openssl('s_client', visit), '-connect', `127.0.0.1:${visit.port}`, '-verify_return_error', '-verify', '9', ...sniOf(visit)],
    });
  },
};

const opensslVerify: Verifier = {
  name: 'openssl verify -x509_strict',
  prepare: async () => {
    const program = await tool('openssl');
    return (visit) => ({
      program,
      argv: [...openssl('verify', visit), '-untrusted', visit.chain, visit.chain],
    });
  },
};

const gnutlsClient: Verifier = {
  name: 'gnutls-cli',
  prepare: async () => {
    const program = await tool('gnutls-cli', 'gnutls-bin');
    return (visit) => ({
      program,
      argv: [`--x509cafile=${bundle(visit)}`, `--verify-hostname=${visit.host}`, gnutlsSni(visit), `--port=${visit.port}`, '127.0.0.1'],
    });
  },
};

const certtool: Verifier = {
  name: 'certtool --verify',
  prepare: async () => {
    const program = await tool('certtool', 'gnutls-bin');
    return (visit) => ({
      program,
      argv: [
        '--verify',
        '--verify-profile=high',
        `--verify-purpose=${serverAuth}`,
        `--verify-hostname=${visit.host}`,
        `--load-ca-certificate=${bundle(visit)}`,
        `--infile=${visit.chain}`,
      ],
    });
  },
};

export const verifiers: readonly Verifier[] = [python, go, java, rustls, opensslClient, opensslVerify, gnutlsClient, certtool];

function openssl(command: string, visit: Visit): string[] {
  const nameCheck = isIP(visit.host) === 0 ? '-verify_hostname' : '-verify_ip';
  return [command, '-x509_strict', '-purpose', 'sslserver', '-CAfile', bundle(visit), nameCheck, visit.host];
}

/** No server name is sent for an address (RFC 6066, section 3). */
function sniOf({ host }: Visit): string[] {
  return isIP(host) === 0 ? ['-servername', host] : ['-noservername'];
}

function gnutlsSni({ host }: Visit): string {
  return isIP(host) === 0 ? `--sni-hostname=${host}` : '--disable-sni';
}
