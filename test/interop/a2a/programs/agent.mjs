// URL: an agent of the official SDK over JSON-RPC and HTTP+JSON whose card says that URL; prints its port.
import { randomUUID } from 'node:crypto';
import { AgentCard, Role } from '@a2a-js/sdk';
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';

const [, , url] = process.argv;
const card = AgentCard.fromJSON({
  name: 'interop',
  description: 'Answers',
  version: '1.0.0',
  supportedInterfaces: ['JSONRPC', 'HTTP+JSON'].map((protocolBinding) => ({ url, protocolBinding, protocolVersion: '1.0' })),
  capabilities: { streaming: true },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [],
});
const executor = {
  async execute({ contextId }, bus) {
    const parts = [{ content: { $case: 'text', value: 'hello' } }];
    bus.publish(
      AgentEvent.message({
        messageId: randomUUID(),
        role: Role.ROLE_AGENT,
        parts,
        contextId,
        taskId: '',
        extensions: [],
        referenceTaskIds: [],
      }),
    );
    bus.finished();
  },
  cancelTask: async () => {},
};
const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
const common = { requestHandler, userBuilder: UserBuilder.noAuthentication };
const app = express();
app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler }));
app.use('/a2a', restHandler(common));
app.use('/a2a', jsonRpcHandler(common));
const http = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: http.address().port })));
