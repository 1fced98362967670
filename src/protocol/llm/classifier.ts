import type { Target } from '../../destination.ts';
import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import { isObject, isPlainJson, parseJson } from '../json.ts';
import type { MessageSource } from '../message.ts';
import type { Classifier, Operation, RequestHead } from '../operation.ts';
import { destinationsReached, type Reach } from '../reached.ts';
import { isModelList, modelPath, type ModelPath } from './api.ts';
import { tellRefusal } from './refusal.ts';
import { modelRequest, type ModelRequest } from './request.ts';
import { UsageReply } from './usage-reply.ts';

/** Bodies carry pictures and files. */
const largestBodyBytes = 64 * 1024 * 1024;
const none: Readonly<Record<string, string>> = Object.freeze({});

export interface LlmOptions {
  /** For paths that are no calls of a model. */
  readonly http: { classify(head: RequestHead): Operation | undefined };
  readonly resolve: Reach['resolve'];
}

/**
 * Names what calls to model APIs do: `infer MODEL`, `list_models`. Tools that the provider carries out from its own network are let through by the
 * destination's list alone, and where they, or what is to be fetched, have a URL, it must be of a destination of the task's intent: from
 * there nothing comes by here again. Other paths are plain HTTP where the destination lists them under `operations`, and refused else.
 */
export function createLlmClassifier({ http, resolve }: LlmOptions): Classifier {
  async function infer(head: RequestHead, path: ModelPath, source: MessageSource): Promise<Operation | Refusal> {
    const { target } = head;
    const bytes = await source.read(target.destination.bodyLimitBytes ?? largestBodyBytes);
    if (isRefusal(bytes)) return bytes;
    const body = isPlainJson(source.headers) ? parseJson(bytes) : undefined;
    const request = isObject(body) ? modelRequest(body, path) : undefined;
    if (request === undefined) return refuse('message_unreadable');
    const fetched = target.destination.models?.fetchesAnything === true ? [] : request.links;
    const servers = destinationsReached([...request.tools.urls, ...fetched], { task: source.task, resolve });
    if (isRefusal(servers)) return servers;
    return unwelcome(request, target) ?? operationOf(request, { path, servers, method: head.method });
  }

  return {
    classify(head, source) {
      const { method, target } = head;
      if (head.websocket === true || method === 'CONNECT') return undefined;
      const path = method === 'POST' ? modelPath(target.path) : undefined;
      if (path !== undefined) return source === undefined ? refuse('message_unreadable') : infer(head, path, source);
      if (method === 'GET' && isModelList(target.path)) {
        return { action: 'list_models', group: 'list_models', method, resource: 'models', templated: false, parameters: none };
      }
      const plain = http.classify(head);
      return plain?.templated === true ? plain : refuse('protocol_refused');
    },
    refusal: ({ path }, refusal, callId) => tellRefusal(refusal, { api: modelPath(path)?.api ?? 'chat', callId }),
  };
}

function operationOf(
  request: ModelRequest,
  { path, servers, method }: { readonly path: ModelPath; readonly servers: readonly string[]; readonly method: string },
): Operation {
  const { model, streaming, stored, maxTokens, answers, tools, members } = request;
  return {
    action: 'infer',
    group: 'infer',
    method,
    resource: model,
    templated: false,
    parameters: none,
    llm: {
      api: path.api,
      model,
      streaming,
      stored,
      maxTokens,
      answers,
      tools: tools.own,
      providerTools: tools.providers,
      servers,
      members,
    },
    message: {
      refusal: (refusal, callId) => tellRefusal(refusal, { api: path.api, callId }),
      answer: (reply, context) => new UsageReply(reply, context),
    },
  };
}

/** What the destination does not take, whatever policy says. */
function unwelcome({ tools }: ModelRequest, { destination: { models } }: Target): Refusal | undefined {
  const foreign = tools.providers.some((type) => models?.providerTools.has(type.replace(/_\d{8}$/, '')) !== true);
  if (foreign) return refuse('provider_tool_refused');
  if (tools.credentials) return refuse('provider_tool_refused', { detail: embedded });
  if (tools.unattended && models?.unattendedTools !== true) return refuse('provider_tool_refused', { detail: unattended });
  return undefined;
}

const embedded =
  'The request gives the model provider a credential for another server. Leave it out; credentials are not for agents to hand on.';
const unattended =
  'The request lets the model provider call the tools of a server without asking. Set require_approval to "always", or ask the operator for "models.unattended_tools".';
