import { z } from '../settings.ts';
import { taskReport } from '../tasks/task.ts';
import type { Route } from './routes.ts';

/** The row of the document itself. */
export const documentRoute = {
  method: 'GET',
  path: '/v1/openapi.json',
  summary: 'This document',
  roles: ['operator', 'orchestrator', 'agent', 'task'],
} as const satisfies Omit<Route, 'answer'>;

const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'stable; the one to act upon' },
    detail: { type: 'string', description: 'what to do next' },
  },
} as const;

/** The OpenAPI 3.1 document of these routes. */
export function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Exeat control API',
      version: '1',
      description:
        'Bearer tokens stand for roles; the credential of a task, `<id>.<secret>`, stands for that task. Refusals are RFC 9457 problems.',
    },
    security: [{ bearer: [] }],
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Task: schemaOf(taskReport), Problem: problem },
    },
    paths,
  };
}

function operationOf({ method, path, summary, roles, body, result }: Route): object {
  const schema = result === undefined ? {} : result === taskReport ? { $ref: '#/components/schemas/Task' } : schemaOf(result);
  return {
    summary,
    description: `For: ${roles.join(', ')}.`,
    ...(path.includes('{id}') ? { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    responses: {
      [method === 'POST' && path === '/v1/tasks' ? '201' : '200']: { description: 'Done', content: { 'application/json': { schema } } },
      default: { description: 'Refused', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
    },
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
