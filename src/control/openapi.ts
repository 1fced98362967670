import { z } from '../settings.ts';
import { taskReport } from '../tasks/task.ts';
import type { Route } from './routes.ts';

/** The OpenAPI 3.1 document of these routes. */
export function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path, summary, roles, body } of routes) {
    paths[path] ??= {};
    const operations = paths[path];
    operations[method.toLowerCase()] = {
      summary,
      description: `For: ${roles.join(', ')}.`,
      ...(path.includes('{id}') ? { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] } : {}),
      ...(body === undefined
        ? {}
        : {
            requestBody: {
              required: true,
              content: { 'application/json': { schema: z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' }) } },
            },
          }),
      responses: {
        [path === '/v1/tasks' && method === 'POST' ? '201' : '200']: { description: 'Done' },
        default: { description: 'Refused', content: { 'application/problem+json': { schema: { type: 'object' } } } },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Exeat control API', version: '1' },
    security: [{ bearer: [] }],
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: { Task: z.toJSONSchema(taskReport) } },
    paths,
  };
}
