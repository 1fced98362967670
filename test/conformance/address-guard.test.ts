import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { addressProblem, assertUnresolved } from '../../src/egress/address-guard.ts';

const closed = { allowPrivate: false, ownPorts: new Set<number>() };
const opened = { allowPrivate: true, ownPorts: new Set<number>() };

const metadata = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.42.42',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '::a9fe:a9fe',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  '0.0.0.0',
  '::',
  '224.0.0.1',
  '255.255.255.255',
  '240.0.0.1',
];
const special = [
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '::1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::10.0.0.1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd12::1',
  '4000::1',
];
const open = ['1.1.1.1', '8.8.8.8', '172.32.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8', '2002:808:808::1'];

for (const address of metadata) {
  test(`${address} is never dialled, whatever the destination says`, () => {
    assert.equal(addressProblem(address, closed), 'metadata');
    assert.equal(addressProblem(address, opened), 'metadata');
  });
}

for (const address of special) {
  test(`${address} is dialled only where the destination allows private addresses`, () => {
    assert.equal(addressProblem(address, closed), 'private');
    assert.equal(addressProblem(address, opened), undefined);
  });
}

for (const address of open) test(`${address} may be dialled`, () => assert.equal(addressProblem(address, closed), undefined));

for (const address of ['', '127.1', 'localhost', 'fe80::1%eth0', '2130706433']) {
  test(`${JSON.stringify(address)} is not an address`, () => assert.equal(addressProblem(address, opened), 'invalid'));
}

test('what is left to another to resolve is a name, of no metadata service, of no listener of our own, and not of loopback', () => {
  const own = new Set([7070]);
  const refusal = (host: string, port: number): unknown => {
    try {
      assertUnresolved(host, port, own);
      return undefined;
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : error;
    }
  };
  for (const host of ['10.0.0.1', '1.1.1.1', '[::1]', '2606:4700::1', '169.254.169.254', 'localhost', 'a.localhost'])
    assert.equal(refusal(host, 443), 'address_prohibited', host);
  for (const host of ['metadata', 'metadata.google.internal', 'instance-data'])
    assert.equal(refusal(host, 443), 'address_prohibited', host);
  const here = hostname().toLowerCase();
  for (const host of ['localhost', 'a.localhost', here, `${here}.corp.example`]) assert.equal(refusal(host, 7070), 'own_listener', host);
  for (const host of [here, 'api.example', `x${here}`].filter((each) => each !== 'localhost'))
    assert.equal(refusal(host, 443), undefined, host);
});
