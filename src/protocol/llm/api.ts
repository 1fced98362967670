/** The shapes of bodies that are understood. */
export type ModelApi = 'chat' | 'completions' | 'responses' | 'messages' | 'embeddings' | 'generate' | 'converse';

/** A call to a model by its method and path. */
export interface ModelPath {
  readonly api: ModelApi;
  /** Where the path names the model; else the body does. */
  readonly model?: string;
  /** Where the path says whether the answer comes event by event; else the body does. */
  readonly streaming?: boolean;
}

interface Form {
  readonly path: RegExp;
  readonly api: ModelApi;
  /** What the path's last word, or its verb, says. */
  readonly streams?: RegExp;
}

/** Any base path may stand before these, for gateways and compatible servers; the narrower form first. */
const forms: readonly Form[] = [
  { path: /\/(?:deployments|engines)\/(?<model>[^/]+)\/(?:[^/]+\/)*chat\/completions$/, api: 'chat' },
  { path: /\/(?:deployments|engines)\/(?<model>[^/]+)\/(?:[^/]+\/)*completions$/, api: 'completions' },
  { path: /\/(?:deployments|engines)\/(?<model>[^/]+)\/(?:[^/]+\/)*embeddings$/, api: 'embeddings' },
  { path: /\/model\/(?<model>[^/]+)\/(?:converse|(?<streaming>converse-stream))$/, api: 'converse' },
  {
    path: /\/model\/(?<model>anthropic\.[^/]+|[^/]+\.anthropic\.[^/]+)\/(?:invoke|(?<streaming>invoke-with-response-stream))$/,
    api: 'messages',
  },
  { path: /\/publishers\/anthropic\/models\/(?<model>[^/:]+):(?:rawPredict|(?<streaming>streamRawPredict))$/, api: 'messages' },
  { path: /\/models\/(?<model>[^/:]+):(?:generateContent|(?<streaming>streamGenerateContent))$/, api: 'generate' },
  { path: /\/chat\/completions$/, api: 'chat' },
  { path: /\/responses$/, api: 'responses' },
  { path: /\/messages(?:\/count_tokens)?$/, api: 'messages' },
  { path: /\/completions$/, api: 'completions' },
  { path: /\/embeddings$/, api: 'embeddings' },
];

/** Such a path names its model, in a way that is not known here: the body's is not the one that is used. */
const namesModel = /\/(?:deployments|engines|models?|endpoints)\/(?!openapi\/|chat\/completions$)[^/]+\//;

/** What a POST to this path is; undefined: no call of a model that is known here. */
export function modelPath(path: string): ModelPath | undefined {
  for (const { path: form, api } of forms) {
    const groups = form.exec(path)?.groups;
    if (groups === undefined && !form.test(path)) continue;
    const model = groups?.['model'];
    if (model === undefined) return namesModel.test(path) ? undefined : { api };
    return { api, model: decodeURIComponent(model), ...(fixesStreaming(api, form) && { streaming: groups?.['streaming'] !== undefined }) };
  }
  return undefined;
}

/** A list of models, or one of them. */
export function isModelList(path: string): boolean {
  return /\/models(?:\/[^/:]+)?$/.test(path);
}

function fixesStreaming(api: ModelApi, form: RegExp): boolean {
  return form.source.includes('<streaming>') || api === 'embeddings';
}
