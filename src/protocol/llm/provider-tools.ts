import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';

/** What a request gives a model to work with. */
export interface OfferedTools {
  /** Names of tools that the agent itself carries out. */
  readonly own: readonly string[];
  /** Types of tools that are carried out from the provider's network; what is not known to be the agent's own is one of them. */
  readonly providers: readonly string[];
  /** URLs of servers that the provider is to call. */
  readonly urls: readonly string[];
  /** Credentials for them are in the request. */
  readonly credentials: boolean;
  /** A server's tools may be called without anyone being asked. */
  readonly unattended: boolean;
}

/** Defined by OpenAI and Anthropic for the client to carry out. */
const carriedOutByClient = /^(?:function|custom|local_shell|apply_patch|(?:bash|text_editor|computer|memory)_\d{8}|computer_use_preview)$/;
const maxNames = 1000;

/** Reads all places of all APIs, whichever the request is for: what one server ignores another may heed. */
export function offeredTools(body: JsonObject): OfferedTools {
  const found = new Found();
  for (const tool of [...listOf(body['tools']), ...listOf(objectOf(body['toolConfig'])['tools'])]) found.tool(tool);
  for (const definition of listOf(body['functions'])) found.own.push(nameOf(definition));
  for (const server of listOf(body['mcp_servers'])) found.server(server);
  for (const plugin of listOf(body['plugins'])) found.providers.push(`plugin:${textOf(objectOf(plugin)['id'])}`);
  if (body['web_search_options'] !== undefined) found.providers.push('web_search');
  if (isPresent(body['container'])) found.providers.push('code_execution');
  const { own, providers, urls, credentials, unattended } = found;
  return { own: own.slice(0, maxNames), providers: providers.slice(0, maxNames), urls, credentials, unattended };
}

class Found {
  readonly own: string[] = [];
  readonly providers: string[] = [];
  readonly urls: string[] = [];
  credentials = false;
  unattended = false;

  tool(tool: JsonValue): void {
    const {
      type,
      name,
      functionDeclarations,
      function_declarations: declarations,
      toolSpec,
      function: definition,
      custom,
    } = objectOf(tool);
    if (type === 'mcp') this.server(tool);
    else if (typeof type === 'string' && !carriedOutByClient.test(type)) this.providers.push(type);
    else if (toolSpec !== undefined) this.own.push(nameOf(toolSpec));
    else if (definition !== undefined || custom !== undefined) this.own.push(nameOf(definition ?? custom));
    else if (name !== undefined) this.own.push(textOf(name));
    else {
      for (const each of [...listOf(functionDeclarations), ...listOf(declarations)]) this.own.push(nameOf(each));
      const others = Object.keys(objectOf(tool)).filter((key) => key !== 'functionDeclarations' && key !== 'function_declarations');
      this.providers.push(...(isObject(tool) ? others : ['unreadable']));
    }
  }

  server(server: JsonValue): void {
    const {
      server_url: url,
      url: address,
      connector_id: connector,
      authorization,
      authorization_token: token,
      headers,
      ...rest
    } = objectOf(server);
    this.providers.push(typeof connector === 'string' ? `connector:${connector}` : 'mcp');
    const at = url ?? address;
    if (at !== undefined) this.urls.push(textOf(at));
    if (isPresent(authorization) || isPresent(token) || isPresent(headers)) this.credentials = true;
    // OpenAI asks unless told never to; Anthropic never asks.
    if (rest['require_approval'] !== undefined ? rest['require_approval'] !== 'always' : rest['type'] !== 'mcp') this.unattended = true;
  }
}

/** URLs that the provider fetches to see what the agent says: pictures, files, documents. */
export function linksIn(value: JsonValue, links: string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return links;
  if (!isObject(value)) {
    for (const element of value) linksIn(element, links);
    return links;
  }
  // What a model gave to a tool, and what a tool of its provider found, is not fetched again.
  if (/(?:tool_use|search_tool_result|fetch_tool_result)$/.test(textOf(value['type']))) return links;
  for (const [name, inside] of Object.entries(value)) {
    if (opaqueMembers.has(name)) continue;
    if (linkMembers.has(name))
      links.push(...urlsOf(name === 'source' && !isObject(inside) ? null : inside).filter((url) => !/^data:/i.test(url)));
    if (!linkMembers.has(name) || name === 'source') linksIn(inside, links);
  }
  return links;
}

const linkMembers = new Set([
  'image_url',
  'file_url',
  'video_url',
  'audio_url',
  'source',
  'fileData',
  'file_data_uri',
  'file_uri',
  'fileUri',
]);
const opaqueMembers = new Set(['arguments', 'args', 'response', 'citations', 'annotations', 'input_schema', 'parameters', 'tools', 'text']);

function urlsOf(value: JsonValue): string[] {
  if (typeof value === 'string') return [value];
  const { url, uri, fileUri, file_uri: other, s3Location } = objectOf(value);
  return [url, uri, fileUri, other, objectOf(s3Location)['uri']].filter((each) => typeof each === 'string');
}

function isPresent(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null && !(isObject(value) && Object.keys(value).length === 0);
}

function nameOf(value: JsonValue | undefined): string {
  return textOf(objectOf(value)['name']);
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
