import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirname, normalize } from 'node:path/posix';
import { test } from 'node:test';

// What no tool checks. `any`, `!`, default exports and import cycles are oxlint's; enums and namespaces are tsc's (`erasableSyntaxOnly`).

/** Lowest first: a file imports from its own layer and from those below. */
const layers = ['kernel', 'contracts', 'pipeline', 'adapters', 'config', 'roots', 'commands', 'main'] as const;
type Layer = (typeof layers)[number];

const layerOfFolder: Readonly<Record<string, Layer>> = {
  '.': 'kernel',
  ingress: 'adapters',
  identity: 'adapters',
  tasks: 'adapters',
  protocol: 'adapters',
  policy: 'adapters',
  credentials: 'adapters',
  egress: 'adapters',
  audit: 'adapters',
  control: 'adapters',
  // A program of its own, held like a stage: it may share only the kernel and the contracts with the sidecar.
  authority: 'adapters',
  config: 'config',
  run: 'roots',
  review: 'roots',
  commands: 'commands',
};

/** Files that are in another layer than the rest of their folder. */
const layerOfFile: Readonly<Record<string, Layer>> = {
  'identity/identity.ts': 'contracts',
  'tasks/task.ts': 'contracts',
  'tasks/approval.ts': 'contracts',
  'tasks/limits.ts': 'contracts',
  'protocol/operation.ts': 'contracts',
  'protocol/message.ts': 'contracts',
  'policy/policy.ts': 'contracts',
  'credentials/credential.ts': 'contracts',
  'egress/upstream.ts': 'contracts',
  'audit/audit.ts': 'contracts',
  'pipeline.ts': 'pipeline',
  'admit.ts': 'pipeline',
  'approve.ts': 'pipeline',
  'charge.ts': 'pipeline',
  'teach.ts': 'pipeline',
  'parts.ts': 'pipeline',
  'call-record.ts': 'pipeline',
  'explain.ts': 'pipeline',
  'regrant.ts': 'pipeline',
  'long-calls.ts': 'pipeline',
  'drain.ts': 'pipeline',
  'graph.ts': 'roots',
  'stages.ts': 'roots',
  'open-approvals.ts': 'roots',
  'open-policy.ts': 'roots',
  'current-graph.ts': 'roots',
  'sidecar.ts': 'roots',
  'main.ts': 'main',
};

/** Where each package may be imported: a folder or a file of src. One home each; a second one has its reason here. */
const homes: Readonly<Record<string, readonly string[]>> = {
  '@cedar-policy/cedar-wasm': ['policy/'],
  'ipaddr.js': ['egress/'],
  '@open-policy-agent/opa-wasm': ['policy/'],
  // The authority shares no code with the sidecar whose tokens it judges; signatures of policy bundles are no tokens.
  jose: ['identity/', 'authority/', 'policy/'],
  // A data structure, like Map.
  'lru-cache': ['ingress/', 'egress/', 'policy/', 'protocol/'],
  'modern-tar': ['policy/'],
  oauth4webapi: ['credentials/'],
  pino: ['log.ts'],
  undici: ['egress/'],
  yaml: ['config/'],
  zod: ['settings.ts'],
};

interface SourceFile {
  /** Below src. */
  readonly path: string;
  /** Neither blank nor comment. */
  readonly lines: readonly string[];
  readonly code: string;
  /** Files as paths below src, packages by name; Node's own modules are left out. */
  readonly files: readonly string[];
  readonly packages: readonly string[];
}

interface Rule {
  readonly name: string;
  /** What in the file is against the rule. */
  readonly breaches: (file: SourceFile) => readonly string[];
  /** Files that break it, to see that the rule can fail. */
  readonly broken: Readonly<Record<string, string>>;
}

const src = join(import.meta.dirname, '../src');
const sources = globSync('**/*.ts', { cwd: src }).map((path) => read(path, readFileSync(join(src, path), 'utf8')));

const rules: readonly Rule[] = [
  {
    name: 'every file of src belongs to a layer, and so does what it imports',
    breaches: ({ path, files }) => [path, ...files].filter((each) => layerOf(each) === undefined),
    broken: { 'helpers/text.ts': 'export const a = 1;', 'ids.ts': "import { load } from '../bench/load.ts';" },
  },
  {
    name: 'imports go downward: kernel, contracts, pipeline, adapters, config, roots, commands, main',
    breaches: ({ path, files }) => files.filter((to) => rankOf(to) > rankOf(path)),
    broken: {
      'errors.ts': "import type { Task } from './tasks/task.ts';",
      'policy/policy.ts': "import { createCedar } from './cedar.ts';",
      'pipeline.ts': "import { createUpstream } from './egress/forward.ts';",
      'tasks/store.ts': "import type { Config } from '../config/schema.ts';",
      'config/load.ts': "import { startSidecar } from '../sidecar.ts';",
      'sidecar.ts': "const { run } = await import('./commands/serve.ts');",
    },
  },
  {
    name: 'a stage knows other stages by their contracts only',
    breaches: ({ path, files }) =>
      layerOf(path) === 'adapters' ? files.filter((to) => layerOf(to) === 'adapters' && folderOf(to) !== folderOf(path)) : [],
    broken: { 'credentials/broker.ts': "import { verify } from '../audit/chain.ts';" },
  },
  {
    name: 'a package is imported in its home only',
    breaches: ({ path, packages }) => packages.filter((name) => !homes[name]?.some((home) => path.startsWith(home))),
    broken: {
      'control/server.ts': "import { z } from 'zod';",
      'policy/cedar.ts': "import type * as cedar from 'cedar';",
      'tasks/store.ts': "import cedar from '@cedar-policy/cedar-wasm/nodejs';",
    },
  },
  {
    name: 'what is imported can be read from the source',
    breaches: ({ code }) => code.match(/\bimport\s*\((?!\s*')|\brequire\s*\(/g) ?? [],
    broken: { 'policy/registry.ts': 'export const load = (name: string) => import(`./${name}.ts`);' },
  },
  {
    name: 'a file is named after what is in it: no index, no utils',
    breaches: ({ path }) => path.match(/(?:^|\/)index\.ts$|\b(?:utils?|helpers?|common|misc)\b/g) ?? [],
    broken: { 'policy/index.ts': '', 'string-utils.ts': '', 'utils/text.ts': '' },
  },
  {
    name: 'no file only passes on what others export',
    breaches: ({ code }) => (code.replaceAll(/^(?:import|export (?:type )?[*{])[^;]*;$/gm, '').trim() === '' ? ['only re-exports'] : []),
    broken: {
      'policy/all.ts': "import { a } from './a.ts';\nexport { a };\nexport {\n  b,\n} from './b.ts';\nexport type * from './c.ts';",
    },
  },
  {
    name: 'only commands write to the console',
    breaches: ({ path, code }) => (['commands', 'main'].includes(layerOf(path) ?? '') ? [] : (code.match(/\bconsole\b/g) ?? [])),
    broken: { 'audit/stdout.ts': "console.log('{}');" },
  },
  {
    name: 'no file has more than 200 lines of code',
    breaches: ({ lines }) => (lines.length > 200 ? [`${lines.length} lines`] : []),
    broken: { 'ids.ts': 'count += 1;\n'.repeat(201) },
  },
];

for (const { name, breaches, broken } of rules) {
  test(name, () => {
    const found = sources.flatMap((file) => breaches(file).map((what) => `src/${file.path}: ${what}`));
    assert.deepEqual(found, []);
    for (const [path, text] of Object.entries(broken)) assert.notDeepEqual(breaches(read(path, text)), [], `${path} breaks the rule`);
  });
}

test('every dependency is used, and in each of its homes', () => {
  const { dependencies } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as { dependencies: object };
  assert.deepEqual(Object.keys(homes).toSorted(), Object.keys(dependencies).toSorted());
  for (const [name, places] of Object.entries(homes)) {
    for (const home of places) {
      const users = sources.filter(({ path, packages }) => path.startsWith(home) && packages.includes(name));
      assert.notDeepEqual(users, [], `${name} is not used in ${home}`);
    }
  }
});

test('every file that the layers name is there', () => {
  const gone = Object.keys(layerOfFile).filter((path) => !sources.some((file) => file.path === path));
  assert.deepEqual(gone, []);
});

test('every form of import is seen', () => {
  const { files, packages } = read(
    'policy/cedar.ts',
    `
    import './a.ts';
    import type { B } from './b.ts';
    import {
      c,
    } from '../c.ts';
    export * from '../tasks/d.ts';
    type E = import('./e.ts').E;
    const f = await import( './f.ts');
    // import g from './g.ts';
    import h, { type H } from '@scope/h/inside';
    import { join } from 'node:path';
    Buffer.from('./i.ts');`,
  );
  assert.deepEqual(files, ['policy/a.ts', 'policy/b.ts', 'c.ts', 'tasks/d.ts', 'policy/e.ts', 'policy/f.ts']);
  assert.deepEqual(packages, ['@scope/h']);
});

function read(path: string, text: string): SourceFile {
  const lines = text.split('\n').filter((line) => !/^\s*(?:$|\/\/|\/\*|\*)/.test(line));
  const code = lines.join('\n');
  const names = [...code.matchAll(/\b(?:from\s+|import\s*\(?\s*)'([^']+)'/g)].map((match) => match[1] ?? '');
  return {
    path,
    lines,
    code,
    files: names.filter((name) => name.startsWith('.')).map((name) => normalize(join(dirname(path), name))),
    packages: names.filter((name) => !/^(?:\.|node:)/.test(name)).map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name),
  };
}

function layerOf(path: string): Layer | undefined {
  return layerOfFile[path] ?? layerOfFolder[folderOf(path)];
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '.';
}

function rankOf(path: string): number {
  const layer = layerOf(path);
  return layer === undefined ? Number.POSITIVE_INFINITY : layers.indexOf(layer);
}
