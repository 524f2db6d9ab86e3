/** Bundles the program: a small start, and a file for what each command needs; the native store stays outside. Output: dist/. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { ASSETS } from './assets.ts';

const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist');

/** CommonJS libraries inside an ES module want these. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" +
  "import { dirname as __pathDirname } from 'node:path'; import { fileURLToPath as __toPath } from 'node:url';" +
  'const __filename = __toPath(import.meta.url); const __dirname = __pathDirname(__filename);';

/** Imported as an ES module, node:http loads all it exports, and with WebSocket a second HTTP client of three megabytes. */
const plainHttp: Plugin = {
  name: 'plain-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ kind }) =>
      kind === 'require-call' ? { path: 'node:http', external: true } : { path: 'node:http', namespace: 'plain-http' },
    );
    onLoad({ filter: /.*/, namespace: 'plain-http' }, () => ({ contents: "module.exports = require('node:http')" }));
  },
};

const fresh = join(dist, `.new-${process.pid}`);

const startMs = performance.now();
mkdirSync(dist, { recursive: true });
// Descriptions for `kubectl explain` come from a pinned library and are not kept in the repository.
if (!existsSync(join(root, '.cache/descriptions.json'))) {
  const made = spawnSync(process.execPath, [join(root, 'tools/gen/descriptions.ts')], { stdio: 'inherit' });
  if (made.status !== 0) throw new Error('the descriptions could not be made; see above');
}
for (const { from, to } of ASSETS) cpSync(join(root, from), join(dist, to), { recursive: true });
await build({
  entryPoints: { kapella: join(root, 'packages/distro/src/main.ts') },
  outdir: fresh,
  outExtension: { '.js': '.mjs' },
  // `kapella status` must not read, nor a running server keep, what only another command needs.
  splitting: true,
  chunkNames: '[name]-[hash]',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: ['lmdb'],
  plugins: [plainHttp],
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  banner: { js: BANNER },
});
const built = new Set(readdirSync(fresh));
for (const name of built) escapeRest(join(fresh, name));
// The start comes last: it finds all that it names. What running processes were started from goes after a day.
for (const name of [...built].sort((a, b) => Number(a === 'kapella.mjs') - Number(b === 'kapella.mjs'))) {
  renameSync(join(fresh, name), join(dist, name));
}
rmSync(fresh, { recursive: true });
/**
 * esbuild escapes all but regular expressions. One letter that is no ASCII makes V8 keep the text of its whole file with two
 * bytes a letter, and between slashes it can only be of a regular expression, where an escape means the same.
 */
function escapeRest(path: string): void {
  const text = readFileSync(path, 'utf8');
  const escaped = text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (escaped !== text) writeFileSync(path, escaped);
}

const isPacking = process.env['npm_lifecycle_event'] === 'prepack';
for (const name of readdirSync(dist).filter((entry) => entry.endsWith('.mjs') && !built.has(entry))) {
  if (isPacking || Date.now() - statSync(join(dist, name)).mtimeMs > 86_400_000) rmSync(join(dist, name));
}
const sizeKb = Math.round([...built].reduce((sum, name) => sum + statSync(join(dist, name)).size, 0) / 1024);
process.stdout.write(
  `built dist/kapella.mjs and ${built.size - 1} more, ${sizeKb} kB, in ${Math.round(performance.now() - startMs)} ms\n`,
);
