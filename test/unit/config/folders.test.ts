import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { defaultFolders } from '../../../src/config/folders.ts';

test("root's state is in /run and the audit log in /var/log", () => {
  assert.deepEqual(defaultFolders(0, { XDG_STATE_HOME: '/ignored' }), {
    state: '/run/exeat/state',
    auditFile: '/var/log/exeat/audit.ndjson',
    tokens: '/run/exeat',
    ca: { directory: '/run/exeat/ca', publish: '/run/exeat-ca' },
  });
});

test('everyone else gets the XDG state folder', () => {
  assert.equal(defaultFolders(1000, { XDG_STATE_HOME: '/home/x/state' }).state, '/home/x/state/exeat/state');
  assert.equal(defaultFolders(1000, {}).auditFile, `${homedir()}/.local/state/exeat/audit.ndjson`);
});

test('a relative XDG_STATE_HOME is ignored, as its specification says', () => {
  assert.equal(defaultFolders(1000, { XDG_STATE_HOME: 'state' }).tokens, `${homedir()}/.local/state/exeat`);
});
