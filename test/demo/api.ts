// The protected API of the demo, a process of its own, over TLS: checks each token by the authority's JWKS and asks by introspection whether it is still active.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [audience = '', pem = ''] = process.argv.slice(2);
const secret = process.env['INTROSPECTION_SECRET'] ?? '';
let issuer = '';
let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
process.on('message', (message: { issuer: string }) => {
  issuer = message.issuer;
  keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
});

const server = createServer({ cert: readFileSync(`${pem}.pem`), key: readFileSync(`${pem}.key`) }, (request, response) => {
  void answer(request.headers.authorization)
    .then((claims) => {
      if (claims === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"', 'content-type': 'application/json' });
        return response.end('{"error":"invalid_token"}\n');
      }
      if (request.url === '/events') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        let count = 0;
        const timer = setInterval(() => response.write(`data: event ${(count += 1)}\n\n`), 50);
        return response.on('close', () => clearInterval(timer));
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end(`${JSON.stringify({ items: ['first', 'second'], for: claims })}\n`);
    })
    .catch((error: unknown) => {
      response.writeHead(500);
      response.end(String(error));
    });
});

async function answer(authorization: string | undefined): Promise<object | undefined> {
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
  if (token === undefined || keys === undefined) return undefined;
  const verified = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'] }).catch(() => undefined);
  if (verified === undefined) return undefined;
  const introspected = await fetch(`${issuer}/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`demo-api:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ token }),
  });
  const { active } = (await introspected.json()) as { active: boolean };
  if (!active) return undefined;
  // Only for the demo's last act, where the very token is tried again behind Exeat's back.
  process.send?.({ token });
  const { sub, scope, act, task_id: task } = verified.payload;
  return { sub, scope, act, task };
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.send?.({ port });
});
