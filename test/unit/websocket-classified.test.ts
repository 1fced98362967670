import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainProtocols } from '../../src/fields.ts';
import { createHttpClassifier } from '../../src/protocol/http.ts';
import { operationName } from '../../src/protocol/operation.ts';
import { destination } from '../support/policy.ts';

function classified(method: string, websocket: boolean, more: Parameters<typeof destination>[1] = {}): string | undefined {
  const chat = destination('chat', { operations: ['/rooms/{id}'], ...more });
  const target = { destination: chat, host: 'chat.example.com', path: '/rooms/7', query: '' };
  const operation = createHttpClassifier([chat]).classify({ method, target, websocket });
  return operation && operationName(target, operation);
}

test('a WebSocket is an operation of its own, beside a GET of the same path', () => {
  assert.equal(classified('GET', true), 'chat websocket /rooms/{id}');
  assert.equal(classified('GET', false), 'chat read /rooms/{id}');
});

test('a destination whose protocol is not read in a WebSocket takes none', () => {
  assert.equal(classified('GET', true, { protocol: 'tunnel', tls: 'tunnel' }), undefined);
});

test('a path that creates standing access is that as a WebSocket too', () => {
  const slack = destination('slack', { hosts: ['slack.com'] });
  const target = { destination: slack, host: 'slack.com', path: '/api/apps.connections.open', query: '' };
  assert.equal(createHttpClassifier([slack]).classify({ method: 'GET', target, websocket: true })?.group, 'mint');
});

test('subprotocols that carry a credential are told from those that are names', () => {
  for (const [offered, pass] of [
    ['chat', 'chat'],
    ['graphql-transport-ws, v10.stomp', 'graphql-transport-ws, v10.stomp'],
    ['realtime, openai-insecure-api-key.sk-123, openai-beta.realtime-v1', 'realtime, openai-beta.realtime-v1'],
    ['base64url.bearer.authorization.k8s.io.dG9rZW4, base64.binary.k8s.io', 'base64.binary.k8s.io'],
    ['aws-appsync-event-ws, header-eyJob3N0IjoiYSIsIkF1dGhvcml6YXRpb24iOiJiIn0', 'aws-appsync-event-ws'],
    ['bearer.abc', ''],
    ['bearer, token', 'bearer, token'],
  ] as const)
    assert.equal(plainProtocols(offered), pass, offered);
});
