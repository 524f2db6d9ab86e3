/** Bundles the program: one file that starts fast, the native store beside it. Output: dist/. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ASSETS } from './assets.ts';

const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist');

/** CommonJS libraries inside an ES module want these. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" +
  "import { dirname as __pathDirname } from 'node:path'; import { fileURLToPath as __toPath } from 'node:url';" +
  'const __filename = __toPath(import.meta.url); const __dirname = __pathDirname(__filename);';

const startMs = performance.now();
mkdirSync(dist, { recursive: true });
// Descriptions for `kubectl explain` come from a pinned library and are not kept in the repository.
if (!existsSync(join(root, '.cache/descriptions.json'))) {
  const made = spawnSync(process.execPath, [join(root, 'tools/gen/descriptions.ts')], { stdio: 'inherit' });
  if (made.status !== 0) throw new Error('the descriptions could not be made; see above');
}
for (const { from, to } of ASSETS) cpSync(join(root, from), join(dist, to), { recursive: true });
await build({
  entryPoints: [join(root, 'packages/distro/src/main.ts')],
  outfile: join(dist, 'kapella.mjs.new'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: ['lmdb'],
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
  banner: { js: BANNER },
});
renameSync(join(dist, 'kapella.mjs.new'), join(dist, 'kapella.mjs'));
rmSync(join(dist, 'kapella.mjs.map'), { force: true });
const sizeKb = Math.round(statSync(join(dist, 'kapella.mjs')).size / 1024);
process.stdout.write(`built dist/kapella.mjs, ${sizeKb} kB, in ${Math.round(performance.now() - startMs)} ms\n`);
