import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { node, runFixture } from '../support/run.ts';
import { loopback } from '../support/sidecar.ts';

const destinations = { api: { hosts: ['https://api.example.com'] } };

// Side by side: processes take their time to start.
suite('exeat run', { concurrency: 2 }, () => {
  test('a command has its own streams, arguments and working directory, and its exit code is passed on', async () => {
    await using fixture = runFixture({ destinations });
    const running = fixture.start(['sh', '-c', 'cat; echo "$0 $1" >&2; pwd; exit 7', 'a b', '--help']);
    running.send('what comes in');
    running.send(undefined);
    const { code, out, err } = await running.ended();
    assert.equal(code, 7);
    assert.equal(out, `what comes in\n${process.cwd()}\n`);
    assert.match(err, /^a b --help\n(?!a b)/);
  });

  test('a command that a signal ends has the exit code that a shell gives it', async () => {
    await using fixture = runFixture({ destinations });
    assert.equal((await fixture.run(['sh', '-c', 'kill -KILL $$'])).code, 137);
    assert.equal((await fixture.run(['sh', '-c', 'kill -SEGV $$'])).code, 139);
  });

  test('a command that cannot be run ends as in a shell, and what keeps Exeat from starting with 125', async () => {
    await using fixture = runFixture({ destinations });
    const cases: [readonly string[], readonly string[], number, RegExp][] = [
      [['/nonexistent/program'], [], 127, /^exeat run: \/nonexistent\/program: there is no such command$/m],
      [[fixture.file], [], 126, /^exeat run: .*exeat\.yaml: this is no program/m],
      [[], [], 125, /^exeat run: write the command behind "--"/m],
      [['true'], ['--intent', 'wrok'], 125, /^exeat run: there is no intent "wrok"; did you mean "work"\?$/m],
      [['true'], ['--itnent', 'work'], 125, /^exeat run: Unknown option '--itnent'/m],
      [['true'], ['--config', '/nonexistent/exeat.yaml'], 125, /exeat\.yaml: there is no such file \("exeat init" writes one\)/],
    ];
    for (const [command, options, code, words] of cases) {
      const end = await fixture.run(command, { options });
      assert.equal(end.code, code, end.err);
      assert.match(end.err, words);
    }
    assert.deepEqual(fixture.unfinished(), []);
  });

  test('SIGTERM and SIGINT that are sent to Exeat alone reach the command, each once, and Exeat waits for it', async () => {
    await using fixture = runFixture({ destinations });
    const script = `
      let signals = 0;
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {
        console.log(name, ++signals);
        if (name === 'SIGTERM') setTimeout(() => process.exit(3), 300);
      });
      setInterval(() => {}, 1000);
      console.log('ready');`;
    // In a session of its own: in a terminal's foreground SIGINT is for the terminal to send.
    const running = fixture.start([node, '-e', script], { group: true });
    assert.equal(await running.line(), 'ready');
    for (const [index, name] of (['SIGINT', 'SIGHUP', 'SIGTERM'] as const).entries()) {
      running.process.kill(name);
      assert.equal(await running.line(), `${name} ${index + 1}`);
    }
    const { code, out } = await running.ended();
    assert.deepEqual([code, out.split('\n').length], [3, 5]);
    assert.deepEqual(fixture.unfinished(), []);
  });

  test('the last line tells calls, denials, credentials and where the audit log is; --json for programs, --quiet not at all', async () => {
    await using origin = await startOrigin();
    await using fixture = runFixture({ destinations: { api: loopback(origin) } });
    const script = `(async () => { for (const url of ['${origin.url}/', '${origin.url}/2', 'http://elsewhere.example/']) await fetch(url); })()`;
    const run = (...options: string[]) => fixture.run([node, '-e', script], { options });
    const plain = await run();
    assert.match(
      plain.err,
      /^exeat: 3 calls, 1 denied; 0 credentials issued, 0 revoked; audit: \/.*\/runs\/\d{8}T\d{6}-\w+\/audit\.ndjson$/m,
    );
    const json = JSON.parse((await run('--json')).err) as Record<string, unknown>;
    assert.match(String(json['task']), /^task_/);
    assert.deepEqual(
      [json['calls'], json['denied'], json['issued'], json['revoked'], json['exit_code'], json['state'], json['intent']],
      [3, 1, 0, 0, 0, 'completed', 'work'],
    );
    assert.deepEqual(await run('--quiet'), { code: 0, out: '', err: '' });
    assert.equal(fixture.events({ kind: 'task.opened', by: 'run' }).length, 3);
    assert.equal(fixture.events({ kind: 'task.completed', by: 'run' }).length, 3);
  });

  test('where there are several intents, one has to be said, or be the default', async () => {
    const intents = { read: { description: 'Read', destinations: ['api'] }, write: { description: 'Write', destinations: ['api'] } };
    await using unsaid = runFixture({ destinations, intents });
    assert.match((await unsaid.run(['true'])).err, /^exeat run: say --intent: read, write$/m);
    await using byDefault = runFixture({ destinations, intents, tasks: { default_intent: 'write' } });
    assert.equal((await byDefault.run(['true'])).code, 0);
    assert.equal((await byDefault.run(['true'], { options: ['--intent', 'read'] })).code, 0);
    assert.deepEqual(
      byDefault.events({ kind: 'task.opened' }).map(({ intent }) => intent),
      ['write', 'read'],
    );
  });
});
