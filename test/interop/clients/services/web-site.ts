import { createServer } from 'node:https';
import type { Deed, ServiceClient, ServiceOptions } from '../service-client.ts';

export const paths: Readonly<Record<Deed, string>> = { allowed: '/tickets', denied: '/secret', followed: '/board' };

export const policy = `permit (principal, action in Action::"read", resource) unless { context.http.path == "${paths.denied}" };`;

/** Pages that say who asked for them; that of `followed` listens to events, of which the first one is sent, and to what comes after them. */
export function serveSite({ cert, key, admit }: ServiceOptions): ReturnType<ServiceClient['serve']> {
  return createServer({ cert, key }, ({ url, headers }, response) => {
    void admit(headers).then((claims) => {
      if (claims === undefined) return response.writeHead(401).end();
      if (url === '/events') return response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: event 1\n\n');
      const type = { 'content-type': 'text/html; charset=utf-8' };
      return response.writeHead(200, type).end(url === paths.followed ? board : `<p>${JSON.stringify(claims)}</p>`);
    });
  });
}

const board = `<script>
  const events = new EventSource('/events');
  events.onmessage = ({ data }) => console.log(data);
  events.onerror = () => (events.close(), console.log('the events have ended'));
</script>`;
