// What both conformance servers have: the tools that only answer, the resources and the prompts of the official suite.
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const sound = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';
export const text = (words) => ({ type: 'text', text: words });
const image = { type: 'image', data: pixel, mimeType: 'image/png' };
const embedded = (uri, words) => ({ type: 'resource', resource: { uri, mimeType: 'text/plain', text: words } });
export const none = { type: 'object', properties: {} };
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const schema2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
  additionalProperties: false,
};

export const answers = {
  test_simple_text: [none, () => [text('This is a simple text response for testing.')]],
  test_image_content: [none, () => [image]],
  test_audio_content: [none, () => [{ type: 'audio', data: sound, mimeType: 'audio/wav' }]],
  test_embedded_resource: [none, () => [embedded('test://embedded-resource', 'This is an embedded resource content.')]],
  test_multiple_content_types: [
    none,
    () => [text('Multiple content types test:'), image, embedded('test://mixed-content-resource', 'mixed')],
  ],
  test_tool_with_progress: [
    none,
    async (_given, { progress }) => {
      for (const at of [0, 50, 100]) {
        await progress(at);
        await pause(50);
      }
      return [text('progressed')];
    },
  ],
  test_error_handling: [
    none,
    () => {
      throw new Error('This tool intentionally returns an error for testing');
    },
  ],
  json_schema_2020_12_tool: [schema2020, () => [text('ok')]],
};
const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: pixel },
  'test://watched-resource': { mimeType: 'text/plain', text: 'watched' },
};
const user = (content) => ({ messages: [{ role: 'user', content }] });
export const prompts = {
  test_simple_prompt: [[], () => user(text('This is a simple prompt for testing.'))],
  test_prompt_with_arguments: [['arg1', 'arg2'], ({ arg1, arg2 }) => user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  test_prompt_with_embedded_resource: [['resourceUri'], ({ resourceUri }) => user(embedded(resourceUri, 'embedded'))],
  test_prompt_with_image: [[], () => user(image)],
};

export const listedResources = Object.entries(resources).map(([uri, { mimeType }]) => ({ uri, name: uri, mimeType }));
export const resourceTemplates = [{ uriTemplate: 'test://template/{id}/data', name: 'template' }];
export const listedPrompts = Object.entries(prompts).map(([name, [names]]) => ({
  name,
  description: `The prompt ${name}`,
  arguments: names.map((each) => ({ name: each, description: each, required: true })),
}));
export const completion = { values: ['paris', 'park'], total: 2, hasMore: false };

/** undefined: there is no such resource. */
export function contentsOf(uri) {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined) {
    const data = { id, templateTest: true, data: `Data for ID: ${id}` };
    return [{ uri, mimeType: 'application/json', text: JSON.stringify(data) }];
  }
  return resources[uri] && [{ uri, ...resources[uri] }];
}
