import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressBytes, bitString, der, elements, integer, oid, octetString, sequence, tags, time } from '../../src/ingress/der.ts';

test('each kind of element has the form that X.690 gives it', () => {
  const cases: readonly [Buffer, string][] = [
    [oid('2.5.29.14'), '0603551d0e'],
    [oid('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
    [oid('2.16.840.1.113894.746875.1.1'), '060c6086480186f966adca7b0101'],
    [integer(Buffer.from([0])), '020100'],
    [integer(Buffer.from([0x7f])), '02017f'],
    [integer(Buffer.from([0x80, 1])), '0203008001'],
    [bitString(Buffer.from([0x06]), 1), '03020106'],
    [octetString(Buffer.from('ab'), Buffer.from('c')), '0403616263'],
    [sequence(), '3000'],
    [time(Date.parse('2026-11-25T12:34:56.789Z')), `170d${Buffer.from('261125123456Z').toString('hex')}`],
    [time(Date.parse('2050-01-01T00:00:00Z')), `180f${Buffer.from('20500101000000Z').toString('hex')}`],
  ];
  for (const [made, expected] of cases) assert.equal(made.toString('hex'), expected);
});

test('lengths are written in the shortest way, and read back', () => {
  for (const [length, head] of [
    [0, '0400'],
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
    [65_536, '0483010000'],
  ] as const) {
    const made = der(tags.octetString, Buffer.alloc(length, 7));
    assert.equal(made.subarray(0, made.length - length).toString('hex'), head);
    const [read, ...more] = elements(made);
    assert.deepEqual([read?.tag, read?.content.length, read?.whole.length, more.length], [4, length, made.length, 0]);
  }
});

test('what is cut short is no element', () => {
  const whole = der(tags.octetString, Buffer.alloc(300));
  for (const length of [1, 2, 3, 4, 100, whole.length - 1])
    assert.throws(() => elements(whole.subarray(0, length)), RangeError, String(length));
});

test('addresses are bytes, in whatever spelling', () => {
  assert.equal(addressBytes('10.1.2.3').toString('hex'), '0a010203');
  for (const text of ['2001:db8::a', '2001:DB8:0:0:0:0:0:A', '2001:0db8::000a']) {
    assert.equal(addressBytes(text).toString('hex'), '20010db800000000000000000000000a', text);
  }
});
