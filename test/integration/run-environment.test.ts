import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { createRoot } from '../support/certificates.ts';
import { startOrigin } from '../support/origin.ts';
import { node, runFixture, type RunFixture, type RunOptions } from '../support/run.ts';
import { loopback } from '../support/sidecar.ts';

const secret = 'hunter2-not-for-the-child';
const staticSecret = { kind: 'static', header: 'authorization', prefix: 'Bearer ', expires: '2999-12-31', reason: 'test' };

/** What the command gets. */
async function environmentOf(fixture: RunFixture, options: RunOptions): Promise<Record<string, string | undefined>> {
  const { code, out, err } = await fixture.run([node, '-p', 'JSON.stringify(process.env)'], options);
  assert.equal(code, 0, err);
  return JSON.parse(out) as Record<string, string | undefined>;
}

// Side by side: processes take their time to start.
suite('the environment of a command', { concurrency: 2 }, () => {
  test('has neither the variables that secrets are read from, nor those that prove an identity, nor any of Exeat but its own', async () => {
    const api = { hosts: ['https://api.example.com'], credential: { ...staticSecret, value: { env: 'CRM_KEY' } } };
    await using fixture = runFixture({ destinations: { api } });
    const gone = {
      CRM_KEY: secret,
      EXEAT_CONFIG: '/nonexistent',
      EXEAT_TOKEN_FILE: '/nonexistent',
      ACTIONS_ID_TOKEN_REQUEST_URL: 'https://idp.example',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret,
      SPIFFE_ENDPOINT_SOCKET: 'unix:///nonexistent',
      CI_JOB_TOKEN: secret,
      CI_JOB_JWT_V2: secret,
      CI_REPOSITORY_URL: `https://gitlab-ci-token:${secret}@gitlab.example/a.git`,
      AWS_WEB_IDENTITY_TOKEN_FILE: '/nonexistent',
      GOOGLE_APPLICATION_CREDENTIALS: '/nonexistent',
      // The same once more, by names that tell nobody.
      CRM_TOKEN: secret,
      CRM_URL: `https://exeat:${secret}@crm.example`,
    };
    const child = await environmentOf(fixture, { env: { ...gone, LANG: 'C', AGENT_NAME: 'triage' } });
    for (const name of Object.keys(gone)) assert.equal(child[name], undefined, name);
    assert.deepEqual([child['LANG'], child['AGENT_NAME'], child['HOME']], ['C', 'triage', fixture.folder]);
    const own = Object.keys(child).filter((name) => name.startsWith('EXEAT_'));
    assert.deepEqual(own.toSorted(), ['EXEAT_PROXY', 'EXEAT_TASK']);
    assert.equal(JSON.stringify(child).includes(secret), false);
  });

  test('has a placeholder in place of the keys of configured services where an SDK insists on one, and keeps the keys of others', async () => {
    const destinations = {
      github: { hosts: ['api.github.com'] },
      claude: { hosts: ['*.anthropic.com'] },
      openai: { route: '/openai', url: 'https://api.openai.com' },
    };
    await using fixture = runFixture({ destinations });
    const names = ['GH_TOKEN', 'GITHUB_PAT', 'OPENAI_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'MISTRAL_API_KEY'];
    const child = await environmentOf(fixture, { env: Object.fromEntries(names.map((name) => [name, secret])) });
    for (const name of ['GITHUB_TOKEN', 'GH_TOKEN', 'OPENAI_API_KEY', 'ANTHROPIC_API_KEY'])
      assert.equal(child[name], 'exeat-placeholder', name);
    for (const name of ['GITHUB_PAT', 'ANTHROPIC_AUTH_TOKEN']) assert.equal(child[name], undefined, name);
    assert.equal(child['MISTRAL_API_KEY'], secret);
    assert.equal(child['OPENAI_BASE_URL'], `${child['EXEAT_PROXY']}/openai/v1`);
  });

  test('leads every client to the proxy, whatever the variables of others say, and past it for its own machine only', async () => {
    await using fixture = runFixture({
      destinations: { api: { hosts: ['https://api.example.com'] }, local: { hosts: ['http://127.0.0.1:9'], allow_private: true } },
    });
    const others = {
      HTTPS_PROXY: 'http://corp.example:3128',
      no_proxy: '*',
      grpc_proxy: 'http://corp.example:3128',
      npm_config_noproxy: '*',
      PIP_PROXY: 'http://corp.example:3128',
      SOCKS5_PROXY: 'socks5://corp.example:1080',
      CLOUDSDK_PROXY_ADDRESS: 'corp.example',
    };
    const child = await environmentOf(fixture, { env: { ...others, JAVA_TOOL_OPTIONS: '-Xmx1g' } });
    const proxy = child['EXEAT_PROXY'];
    assert.match(proxy ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    for (const name of ['http_proxy', 'https_proxy', 'all_proxy'])
      assert.deepEqual([child[name], child[name.toUpperCase()]], [proxy, proxy], name);
    // 127.0.0.1 is a destination's.
    assert.deepEqual([child['no_proxy'], child['NO_PROXY']], ['localhost,::1', 'localhost,::1']);
    for (const name of Object.keys(others).slice(2)) assert.equal(child[name], undefined, name);
    assert.equal(child['NODE_USE_ENV_PROXY'], '1');
    const port = new URL(proxy ?? '').port;
    assert.match(
      child['JAVA_TOOL_OPTIONS'] ?? '',
      new RegExp(`^-Xmx1g .*-Dhttps\\.proxyHost=127\\.0\\.0\\.1 -Dhttps\\.proxyPort=${port} `),
    );
    assert.match(child['JAVA_TOOL_OPTIONS'] ?? '', / -Dhttp\.nonProxyHosts=localhost\|\[::1\]$/);
  });

  test('names a CA that is there, for the clients of most languages', async () => {
    await using fixture = runFixture({ destinations: { api: { hosts: ['https://api.example.com'] } } });
    const script = `for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS; do eval "grep -l CERTIFICATE \\$$name"; done`;
    const { out } = await fixture.run(['sh', '-c', script]);
    assert.match(out, /^(\/.*\/bundle\.pem\n){4}\/.*\/ca\.pem\n$/);
  });

  test('is all that clients take to call https:// as they always do, with the credential added on the way', async () => {
    const root = await createRoot();
    await using origin = await startOrigin(undefined, await root.issue(['api.example.com']));
    const folder = mkdtempSync(join(tmpdir(), 'exeat-root-'));
    writeFileSync(join(folder, 'root.pem'), root.pem);
    const credential = { ...staticSecret, value: { env: 'CRM_KEY' } };
    const network = { connect_to: `127.0.0.1:${origin.port}`, allow_private: true, ca: join(folder, 'root.pem') };
    await using fixture = runFixture({ destinations: { api: { hosts: ['api.example.com'], credential, ...network } } });
    const script = `fetch('https://api.example.com/a').then(({ status }) => console.log(status))`;
    const { out, err } = await fixture.run([node, '-e', script], { env: { CRM_KEY: secret } });
    rmSync(folder, { recursive: true });
    assert.equal(out, '200\n', err);
    assert.equal(origin.seen[0]?.headers.authorization, `Bearer ${secret}`);
    assert.match(err, /^exeat: 1 call, 0 denied; /m);
  });

  test('keeps a variable that --pass-env names, and the audit log tells so', async () => {
    await using fixture = runFixture({ destinations: { github: { hosts: ['api.github.com'] } } });
    const options = ['--pass-env', 'GH_TOKEN', '--pass-env', 'NOT_SET'];
    const { out, err } = await fixture.run(['sh', '-c', 'echo "$GH_TOKEN $GITHUB_TOKEN"'], { options, env: { GH_TOKEN: secret } });
    assert.equal(out, `${secret} exeat-placeholder\n`);
    assert.match(err, /^exeat run: warning: --pass-env NOT_SET: it is not set$/m);
    const [event, ...more] = fixture.events({ kind: 'privilege.changed', change: 'pass_env' });
    assert.equal(event?.['detail'], 'the child keeps the environment variable GH_TOKEN');
    assert.match(String(event?.['task']), /^task_/);
    assert.deepEqual(more, []);
    assert.equal(JSON.stringify(fixture.events()).includes(secret), false);
  });

  const linux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };

  test('cannot be found by way of /proc in the processes of Exeat, by the same user', linux, async () => {
    await using origin = await startOrigin();
    const api = loopback(origin, { credential: { ...staticSecret, value: { env: 'CRM_KEY' } } });
    await using fixture = runFixture({ destinations: { api } });
    // Up to the process that started the first one of Exeat's, which is this test.
    const script = `
      const { readFileSync } = require('node:fs');
      let pid = process.ppid;
      for (; pid !== ${process.pid}; pid = Number(/^PPid:\\s(\\d+)/m.exec(readFileSync('/proc/' + pid + '/status', 'utf8'))[1])) {
        const seen = ['environ', 'cmdline', 'stat'].map((name) => readFileSync('/proc/' + pid + '/' + name, 'latin1')).join();
        console.log(seen.includes('exeat') || seen.includes('main.ts'), seen.includes(atob('${btoa(secret)}')));
      }
      fetch('${origin.url}/').then(({ status }) => console.log(status));`;
    const { out } = await fixture.run([node, '-e', script], { env: { CRM_KEY: secret } });
    assert.equal(out, 'true false\n200\n');
    assert.equal(origin.seen[0]?.headers.authorization, `Bearer ${secret}`);
  });
});
