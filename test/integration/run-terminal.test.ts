import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { suite, test } from 'node:test';
import { main, node, runFixture, type RunFixture } from '../support/run.ts';

const script = '/usr/bin/script';
const usable = process.platform === 'linux' && existsSync(script) && existsSync('/bin/bash');
const patienceMs = 20_000;

/** A terminal of its own, with this command in its foreground. */
function openTerminal(fixture: RunFixture, command: string) {
  const env = { PATH: process.env['PATH'], HOME: fixture.folder, TERM: 'dumb', PS1: '$ ', HISTFILE: '' };
  const child = spawn(script, ['-qefc', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let text = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    child.emit('news');
  });
  child.on('exit', () => child.emit('news'));
  return {
    type: (keys: string) => void child.stdin.write(keys),
    /** What is shown up to this, since the last time. */
    async shows(pattern: RegExp): Promise<void> {
      const signal = AbortSignal.timeout(patienceMs);
      for (;;) {
        const found = pattern.exec(text.slice(seen));
        if (found !== null) return void (seen += found.index + found[0].length);
        if (child.exitCode !== null || signal.aborted) throw new Error(`the terminal does not show ${String(pattern)}, but:\n${text}`);
        await once(child, 'news', { signal }).catch(() => undefined);
      }
    },
    async exitCode(): Promise<number | null> {
      await exited;
      return child.exitCode;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function exeatRun(fixture: RunFixture, command: readonly string[]): string {
  return [node, main, 'run', '--config', fixture.file, '--', ...command]
    .map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)
    .join(' ');
}

const destinations = { api: { hosts: ['https://api.example.com'] } };

suite('in a terminal', { skip: usable ? false : 'takes script and bash', concurrency: 2 }, () => {
  test('Ctrl-C reaches the command once, which decides what becomes of it, and everything ends in order', async () => {
    await using fixture = runFixture({ destinations });
    const counter = `
      let times = 0;
      process.on('SIGINT', () => { console.log('interrupt', ++times); if (times === 2) setTimeout(() => process.exit(5), 300); });
      setInterval(() => {}, 1000);
      console.log('up', process.stdin.isTTY, process.stdout.isTTY);`;
    await using terminal = openTerminal(fixture, `exec ${exeatRun(fixture, [node, '-e', counter])}`);
    await terminal.shows(/up true true/);
    terminal.type('\x03');
    await terminal.shows(/interrupt 1\r\n/);
    terminal.type('\x03');
    await terminal.shows(/interrupt 2\r\n(?!interrupt)[^]*exeat: 0 calls, /);
    assert.equal(await terminal.exitCode(), 5);
    assert.deepEqual(fixture.unfinished(), []);
  });

  test('Ctrl-Z stops the command and Exeat, and both go on in the foreground of the shell', async () => {
    await using fixture = runFixture({ destinations });
    await using terminal = openTerminal(fixture, 'bash --norc --noprofile -i');
    terminal.type(`${exeatRun(fixture, ['sh', '-c', 'echo ready $((1+1)); read word; echo "heard $word"'])}\r`);
    await terminal.shows(/ready 2\r\n/);
    terminal.type('\x1a');
    await terminal.shows(/Stopped/);
    terminal.type('fg\r');
    // The shell tells what it puts in front, and does away with what was typed before that.
    await terminal.shows(/fg\r\n.*heard.*\r\n/);
    terminal.type('hello\r');
    await terminal.shows(/heard hello\r\n/);
    await terminal.shows(/exeat: 0 calls, /);
    terminal.type('echo "code $?"; exit\r');
    await terminal.shows(/code 0\r\n/);
    assert.equal(await terminal.exitCode(), 0);
  });
});
