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

/** Objects and lists that describe a tool of the agent's own. */
const descriptions = new Set(
  'function functionDeclarations function_declarations custom toolSpec input_schema parameters format cache_control cachePoint input_examples allowed_callers'.split(
    ' ',
  ),
);

/** What a gateway, or the API, takes into the request as if it stood in the body. */
export function withInnerBodies(body: JsonObject): JsonObject[] {
  return [body, ...['extra_body', 'additionalModelRequestFields'].map((name) => objectOf(body[name]))];
}

/** Reads all places of all APIs, whichever the request is for: what one server ignores another may heed. */
export function offeredTools(body: JsonObject): OfferedTools {
  const found = new Found();
  for (const place of withInnerBodies(body)) found.all(place);
  const { own, providers, urls, credentials, unattended } = found;
  return { own: own.slice(0, maxNames), providers: providers.slice(0, maxNames), urls, credentials, unattended };
}

class Found {
  readonly own: string[] = [];
  readonly providers: string[] = [];
  readonly urls: string[] = [];
  credentials = false;
  unattended = false;

  all(body: JsonObject): void {
    const { toolConfig, tool_config: config, mcp_servers: servers, data_sources: sources, dataSources } = body;
    for (const tool of [body['tools'], objectOf(toolConfig)['tools'], objectOf(config)['tools']].flatMap(listOf)) this.tool(tool);
    for (const definition of listOf(body['functions'])) this.own.push(nameOf(definition));
    for (const server of listOf(servers)) this.server(server, { asks: false });
    for (const source of [sources, dataSources].flatMap(listOf)) this.source(source);
    for (const plugin of listOf(body['plugins'])) this.providers.push(`plugin:${textOf(objectOf(plugin)['id'])}`);
    if ((body['web_search_options'] ?? null) !== null) this.providers.push('web_search');
    if (isPresent(body['container'])) this.providers.push('code_execution');
    // A gateway's short form for a plugin.
    if (textOf(body['model']).endsWith(':online')) this.providers.push('plugin:web');
  }

  tool(tool: JsonValue): void {
    const { type, name, functionDeclarations, function_declarations: declarations, toolSpec, ...rest } = objectOf(tool);
    const definition = toolSpec ?? rest['function'] ?? rest['custom'];
    const members = Object.entries(objectOf(tool)).filter(([member]) => !descriptions.has(member));
    if (type === 'mcp') return this.server(tool, { asks: true });
    if (!isObject(tool) || (isPresent(type) && typeof type !== 'string')) this.providers.push('unreadable');
    else if (typeof type === 'string' && !carriedOutByClient.test(type)) this.providers.push(type);
    else {
      const named = definition ?? (name === undefined ? undefined : tool);
      for (const each of [named, functionDeclarations, declarations].flatMap(listOf)) this.own.push(nameOf(each));
      const known = named !== undefined || typeof type === 'string';
      // Some providers name each tool of theirs by a member of its own.
      const foreign = members.filter(([member, value]) => !known || typeof value === 'object' || member !== member.toLowerCase());
      this.providers.push(...foreign.filter(([, value]) => value !== null).map(([member]) => member));
    }
    for (const [member, value] of members) addressesIn({ [member]: value }, this.urls);
  }

  /** `asks`: OpenAI's, which asks unless told never to; of Anthropic's nobody is ever asked. */
  server(server: JsonValue, { asks }: { readonly asks: boolean }): void {
    const { connector_id: connector, authorization, authorization_token: token, headers, ...rest } = objectOf(server);
    this.providers.push(typeof connector === 'string' ? `connector:${connector}` : 'mcp');
    addressesIn(rest, this.urls);
    if (isPresent(authorization) || isPresent(token) || isPresent(headers)) this.credentials = true;
    if (!asks || (rest['require_approval'] ?? 'always') !== 'always') this.unattended = true;
  }

  /** Azure's own data: an endpoint that the provider asks. */
  source(source: JsonValue): void {
    const { type, parameters } = objectOf(source);
    this.providers.push(`data_source:${textOf(type)}`);
    addressesIn(source, this.urls);
    const { type: _how, ...secrets } = objectOf(objectOf(parameters)['authentication']);
    if (isPresent(secrets)) this.credentials = true;
  }
}

/** Where something is to be reached, wherever it stands. */
function addressesIn(value: JsonValue, urls: string[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inside] of Object.entries(value)) {
    if (/(?:ur[il]|endpoint)$/i.test(name) && isPresent(inside) && !isObject(inside)) {
      if (!isData(inside)) urls.push(textOf(inside));
    } else addressesIn(inside, urls);
  }
}

/** URLs that the provider fetches to see what the agent says: pictures, files, documents. */
export function linksIn(body: JsonValue): string[] {
  const links = new Set<string>();
  collectLinks(body, links);
  return [...links];
}

function collectLinks(value: JsonValue, links: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (!isObject(value)) {
    for (const element of value) collectLinks(element, links);
    return;
  }
  // What a model gave to a tool, and what a tool of its provider found, is not fetched again.
  const isPast = /(?:tool_use|search_tool_result|fetch_tool_result)$/.test(textOf(value['type']));
  for (const [name, inside] of Object.entries(value)) {
    if (opaqueMembers.has(name) || (isPast && (name === 'input' || name === 'content'))) continue;
    const urls = isLink(name) || (name === 'source' && isObject(inside)) ? urlsOf(inside) : [];
    if (payloads.has(name)) urls.push(...urlsOf(inside).filter((text) => /^\s*[a-z][\w+.-]*:\/\//i.test(text)));
    for (const url of urls) links.add(url);
    collectLinks(inside, links);
  }
}

/** Members that hold content, which some servers fetch when it is a URL. */
const payloads = new Set(['file_data', 'data', 'image', 'images', 'video', 'audio', 'file']);
const opaqueMembers = new Set([
  'arguments',
  'args',
  'response',
  'citations',
  'annotations',
  'input_schema',
  'parameters',
  'tools',
  'text',
  'metadata',
]);

/** `image_url`, `fileUri`, `document_url`: by name, since new ones come. A bare `url` is read within these alone. */
function isLink(name: string): boolean {
  return name === 'fileData' || /(?:_|image|file|video|audio|document)ur[il]s?$/i.test(name) || /[a-z]Ur[il]s?$/.test(name);
}

function urlsOf(value: JsonValue): string[] {
  if (typeof value === 'string') return isData(value) ? [] : [value];
  if (!isObject(value)) return Array.isArray(value) ? (value as readonly JsonValue[]).flatMap(urlsOf) : [];
  return Object.entries(value).flatMap(([name, inside]) => (/(?:ur[il]|^s3Location)$/i.test(name) ? urlsOf(inside) : []));
}

function isData(value: JsonValue): boolean {
  return typeof value === 'string' && /^data:/i.test(value);
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

/** Some servers take one for a list of one. */
function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (Array.isArray(value)) return value as readonly JsonValue[];
  return value === undefined || value === null ? [] : [value];
}
