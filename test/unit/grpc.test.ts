import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../../src/errors.ts';
import { grpcFields, grpcMethod, grpcTimeoutMs, isGrpc } from '../../src/grpc.ts';

test('a media type is that of gRPC over HTTP/2, or it is not', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'Application/gRPC;charset=utf-8']) assert.ok(isGrpc(type), type);
  for (const type of ['', 'application/grpc-web', 'application/grpc-web+proto', 'application/grpcx', 'application/json'])
    assert.ok(!isGrpc(type), type);
});

test('a path names a service and a method, or nothing', () => {
  assert.deepEqual(grpcMethod('/test.v1.Echo/Say'), { service: 'test.v1.Echo', method: 'Say' });
  for (const path of ['/', '/Echo', '/test.v1.Echo/', '//Say', '/a/b/c', '/a%2Eb/Say', '/a/Say;x', '/1a/Say', '/a-b/Say'])
    assert.equal(grpcMethod(path), undefined, path);
});

test('grpc-timeout is read in each of its units, and never as more than a timer can wait', () => {
  const read = ['2S', '150m', '1H', '3M', '1u', '1500u', '1n', '99999999H'].map((text) => grpcTimeoutMs(text));
  assert.deepEqual(read, [2000, 150, 3_600_000, 180_000, 1, 2, 1, 2_147_483_647]);
  for (const text of ['', '5', 'S', '-1S', '1.5S', '123456789S', '1s']) assert.equal(grpcTimeoutMs(text), undefined, text);
});

test('each refusal has a status of gRPC, and none asks the agent to log in', () => {
  const expected = {
    policy_denied: 7,
    task_revoked: 7,
    task_credential_refused: 7,
    credential_rejected: 7,
    misdirected: 7,
    budget_spent: 8,
    body_too_large: 8,
    overloaded: 14,
    credential_unavailable: 14,
    connect_failed: 14,
    upstream_broken: 14,
    upstream_timeout: 4,
    deadline_exceeded: 4,
    malformed_request: 3,
    grpc_only: 12,
    http2_missing: 12,
    client_gone: 1,
    internal_error: 13,
  } as const;
  const codes = Object.keys(expected) as (keyof typeof expected)[];
  assert.deepEqual(Object.fromEntries(codes.map((code) => [code, Number(grpcFields(refuse(code))[0]?.[1])])), expected);
  assert.match(grpcFields(refuse('ambiguous_path', { detail: '%2F' }))[1]?.[1] ?? '', /^Exeat: %252F \(ambiguous_path\)$/);
});
