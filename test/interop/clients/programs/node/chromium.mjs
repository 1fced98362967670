// BROWSER CERTUTIL URL TOKEN: opens a page and prints what it shows; where it is a board, what it logs to the end of its events.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from 'puppeteer-core';

const [, , executablePath, certutil, url, token] = process.argv;

// On Linux the roots that Chromium trusts besides its own are in this database of the user's.
const home = mkdtempSync(join(tmpdir(), 'exeat-chromium-'));
const database = join(home, '.pki/nssdb');
mkdirSync(database, { recursive: true });
for (const asked of [
  ['-N', '--empty-password'],
  ['-A', '-n', 'Exeat', '-t', 'C,,', '-i', process.env.NODE_EXTRA_CA_CERTS],
]) {
  execFileSync(certutil, ['-d', `sql:${database}`, ...asked]);
}

// For root Chromium does not start with its own sandbox.
const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
const browser = await launch({ executablePath, args, env: { ...process.env, HOME: home } });
try {
  const page = await browser.newPage();
  const { username, password } = new URL(process.env.https_proxy);
  if (username !== '') await page.authenticate({ username, password });
  await page.setExtraHTTPHeaders({ Authorization: `Bearer ${token}` });
  const ended = new Promise((resolve) => {
    page.on('console', (message) => {
      console.log(message.text());
      if (message.text() === 'the events have ended') resolve();
    });
  });
  const response = await page.goto(url);
  console.log(`${response.status()} ${await page.evaluate('document.body.innerText')}`);
  if (url.endsWith('/board')) await ended;
} catch ({ message }) {
  console.log(message);
} finally {
  await browser.close();
  rmSync(home, { recursive: true, force: true });
}
