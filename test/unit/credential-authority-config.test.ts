import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorityClientConfig } from '../../src/credentials/authority-config.ts';

test('An authority is https, or http on loopback where that is said to be unsafe', () => {
  const accepted = [
    { issuer: 'https://idp.example.com' },
    { issuer: 'https://idp.example.com/realms/agents' },
    { issuer: 'http://127.0.0.1:7080', unsafe_cleartext: true },
    { issuer: 'http://[::1]:7080', unsafe_cleartext: true },
    { issuer: 'http://localhost:7080', unsafe_cleartext: true },
  ];
  const refused = [
    { issuer: 'http://127.0.0.1:7080' },
    { issuer: 'http://idp.example.com', unsafe_cleartext: true },
    { issuer: 'http://127.0.0.1.example.com', unsafe_cleartext: true },
    { issuer: 'https://idp.example.com?tenant=1' },
    { issuer: 'https://idp.example.com#x' },
    { issuer: 'https://user:pass@idp.example.com' },
    { issuer: 'idp.example.com' },
  ];
  for (const config of accepted) assert.ok(authorityClientConfig.safeParse(config).success, config.issuer);
  for (const config of refused) assert.ok(!authorityClientConfig.safeParse(config).success, config.issuer);
});
