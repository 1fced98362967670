// Writes src/ as JavaScript to dist/: Node strips no types under node_modules. Types are blanked out, so that line and column stay.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'dist');
rmSync(out, { recursive: true, force: true });
for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const source = join(entry.parentPath, entry.name);
  const target = join(out, source.slice(join(root, 'src').length));
  mkdirSync(dirname(target), { recursive: true });
  if (!entry.name.endsWith('.ts')) {
    cpSync(source, target);
    continue;
  }
  const script = stripTypeScriptTypes(readFileSync(source, 'utf8')).replaceAll(/((?:from|import)\s*\(?\s*'\.{1,2}\/[^']+)\.ts'/g, "$1.js'");
  writeFileSync(target.replace(/\.ts$/, '.js'), script);
}
