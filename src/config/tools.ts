import type { PinnedTool } from '../destination.ts';
import type { JsonValue } from '../json-value.ts';
import { readPlainFile } from '../plain-file.ts';
import { z } from '../settings.ts';
import { revisions } from '../protocol/mcp/revisions.ts';
import { argumentTypes } from '../tool-arguments.ts';
import { mirroredArguments } from '../tool-headers.ts';

const largestBytes = 16 * 1024 ** 2;

const endpointPath = z.string().regex(/^\/[^?#]*$/, 'expected a path such as /mcp');

/** Where another agent is spoken to. */
export const a2aConfig = z
  .strictObject({ path: endpointPath.optional().meta({ description: "of the endpoint; unless said, the path of a route's url, else /" }) })
  .optional();

/** Where an MCP server is spoken to, and how. */
export const mcpConfig = z
  .strictObject({
    path: endpointPath.optional().meta({ description: "of the endpoint; unless said, the path of a route's url, else /mcp" }),
    revision: z.enum(revisions).optional().meta({ description: 'the one revision that is spoken; unless said, any of these' }),
  })
  .optional();

/** What is known and wanted of an MCP server's tools. */
export const toolsConfig = z
  .strictObject({
    reviewed: z.string().min(1).optional().meta({
      description: 'file that "exeat tools pin" writes and you review: no other tool passes, and policy sees the arguments it declares',
    }),
    undeclared_arguments: z
      .enum(['refuse', 'opaque'])
      .default('refuse')
      .meta({ description: 'an argument that the reviewed definition does not declare: refused, or passed on with context.mcp.opaque' }),
    changed: z.enum(['record', 'refuse']).optional().meta({
      description: 'a tool whose definition is not the reviewed or first seen one: recorded, or refused too (the default with "reviewed")',
    }),
  })
  .optional();

/** `config/tools/DESTINATION.json`: the tools of one server as they were listed. */
const reviewedTools = z.strictObject({
  destination: z.string(),
  listed_at: z.iso.datetime(),
  tools: z.array(
    z.strictObject({
      name: z.string().min(1).max(256),
      digest: z.string().regex(/^[\w-]{43}$/, 'expected a SHA-256 in base64url'),
      input_schema: z.record(z.string(), z.unknown()),
    }),
  ),
});

function pinnedTool(digest: string, inputSchema: JsonValue): PinnedTool {
  const mirrors = mirroredArguments(inputSchema);
  return { digest, arguments: argumentTypes(inputSchema), ...(mirrors === undefined ? {} : { mirrors }) };
}

/** Reads such a file. What is wrong with it is reported, and then there are no tools. */
export function readTools(path: string, destination: string, report: (message: string) => void): ReadonlyMap<string, PinnedTool> {
  const none: ReadonlyMap<string, PinnedTool> = new Map();
  let json: unknown;
  try {
    json = JSON.parse(readPlainFile(path, largestBytes).toString());
  } catch (error) {
    report(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return none;
  }
  const read = reviewedTools.safeParse(json);
  if (!read.success) {
    const [first] = read.error.issues;
    report(`${path} is not as "exeat tools pin" writes it: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`);
    return none;
  }
  const { tools, destination: of } = read.data;
  if (of !== destination) report(`${path} holds the tools of "${of}"`);
  const byName = new Map(tools.map(({ name, digest, input_schema: schema }) => [name, pinnedTool(digest, schema as JsonValue)]));
  for (const [name, { mirrors }] of byName)
    if (mirrors === undefined) report(`${path}: "${name}" has an x-mcp-header that is not valid, or stands twice`);
  if (byName.size < tools.length) report(`${path} has two tools of one name`);
  return byName;
}
