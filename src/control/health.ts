import { createServer, type Server } from 'node:http';

export interface HealthOptions {
  /** Why no calls should come now, in words without internals; empty = ready. */
  readonly notReady: () => readonly string[];
  readonly metrics: () => string;
}

/** Liveness, readiness and metrics, for probes that cannot authenticate. Nothing else is served here. */
export function createHealthServer({ notReady, metrics }: HealthOptions): Server {
  return createServer({ requestTimeout: 5000 }, (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET\n');
    switch (request.url) {
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz': {
        const reasons = notReady();
        return answer(reasons.length === 0 ? 200 : 503, reasons.length === 0 ? 'ready\n' : `${reasons.join('\n')}\n`);
      }
      case '/metrics':
        return answer(200, metrics(), 'text/plain; version=0.0.4; charset=utf-8');
      default:
        return answer(404, 'nothing here\n');
    }
  });
}
