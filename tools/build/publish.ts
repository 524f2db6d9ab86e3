/**
 * `npm run build:packages`: what is published beside the program: @kapella/controller and @kapella/testing, each one bundle
 * for ESM, one for CommonJS, and declarations. Output: dist/packages/NAME, ready for `npm publish`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');
const out = join(root, 'dist/packages');
const typesOut = join(out, '.types');

interface Published {
  readonly name: string;
  readonly text: string;
  /** Export path -> source below packages/. */
  readonly entries: Readonly<Record<string, string>>;
}

const PUBLISHED: readonly Published[] = [
  {
    name: 'controller',
    text: 'A controller-runtime for TypeScript: typed client, informers, controllers, webhooks, custom resources from schemas',
    entries: { '.': 'controller/src/node/published.ts' },
  },
  {
    name: 'testing',
    text: 'A whole Kubernetes 1.36 cluster inside a test, in milliseconds',
    entries: { '.': 'testing/src/node/index.ts' },
  },
];

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const CJS_META = "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;";
const ESM_REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const IMPORT = /((?:from|import)\s*\(?\s*)['"]([^'"]+)['"]/g;

rmSync(out, { recursive: true, force: true });
emitTypes();
for (const published of PUBLISHED) await pack(published);
rmSync(typesOut, { recursive: true });

function emitTypes(): void {
  // Each named: what is reached through node_modules only counts as a library, for which nothing is emitted.
  const files = globSync('packages/*/src/**/*.ts', { cwd: root })
    .filter((file) => !/\.(test|bench|test-support)\.ts$/.test(file) && !file.startsWith('packages/distro/'))
    .map((file) => join(root, file));
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, types: ['node'] },
      ...{ rootDir: join(root, 'packages'), outDir: typesOut, typeRoots: [join(root, 'node_modules/@types')] },
    },
    files: files.filter((file) => !file.endsWith('base/src/platform.d.ts')),
  };
  mkdirSync(typesOut, { recursive: true });
  const path = join(typesOut, 'tsconfig.json');
  writeFileSync(path, JSON.stringify(config));
  const made = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', path], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`declarations not made:\n${made.stdout}`);
}

/** The declarations that an entry reaches, with relative imports only. */
function copyTypes(entry: string, to: string): void {
  const waiting = [join(typesOut, entry.replace(/\.ts$/, '.d.ts'))];
  const seen = new Set(waiting);
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const from = dirname(at);
    const text = readFileSync(at, 'utf8').replace(IMPORT, (_all, before: string, specifier: string) => {
      const target = specifierFor(specifier, from);
      const file = join(from, target.replace(/\.js$/, '.d.ts'));
      if (target.startsWith('.') && !seen.has(file)) {
        seen.add(file);
        waiting.push(file);
      }
      return `${before}'${target}'`;
    });
    const copy = join(to, relative(typesOut, at));
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, text);
  }
}

/** Workspace packages become relative paths: who installs the package has none of them. */
function specifierFor(specifier: string, from: string): string {
  if (specifier.startsWith('.')) return specifier.replace(/\.ts$/, '.js');
  const match = /^@kapella\/([^/]+)(\/.*)?$/.exec(specifier);
  if (match === null) return specifier;
  const [, name = '', path = ''] = match;
  const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
    exports: Record<string, string>;
  };
  const exact = exports[`.${path}`];
  const pattern = Object.entries(exports).find(
    ([key]) => key.includes('*') && `.${path}`.startsWith(key.split('*')[0] ?? key),
  );
  const source = exact ?? pattern?.[1].replace('*', `.${path}`.slice((pattern[0].split('*')[0] ?? '').length));
  if (source === undefined) throw new Error(`${specifier} is not exported`);
  const to = relative(from, join(typesOut, name, source)).replace(/\.ts$/, '.js');
  return to.startsWith('.') ? to : `./${to}`;
}

async function pack({ name, text, entries }: Published): Promise<void> {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  const exports: Record<string, object> = {};
  for (const [path, entry] of Object.entries(entries)) {
    const file = path === '.' ? 'index' : path.slice(2);
    await bundle(entry, join(folder, `${file}.mjs`), 'esm');
    await bundle(entry, join(folder, `${file}.cjs`), 'cjs');
    copyTypes(entry, join(folder, 'types'));
    const types = `./types/${entry.replace(/\.ts$/, '.d.ts')}`;
    exports[path] = {
      import: { types, default: `./${file}.mjs` },
      require: { types, default: `./${file}.cjs` },
    };
  }
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const manifest = {
    ...{ name: `@kapella/${name}`, version, description: text, license: 'Apache-2.0' },
    ...{ engines: { node: '>=22' }, exports, main: './index.cjs', module: './index.mjs' },
    // For the declarations only.
    dependencies: { '@types/node': '>=22', jose: '6.2.18' },
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  process.stdout.write(`built ${relative(root, folder)}\n`);
}

async function bundle(entry: string, outfile: string, format: 'esm' | 'cjs'): Promise<void> {
  await build({
    entryPoints: [join(root, 'packages', entry)],
    ...{ outfile, format, bundle: true, platform: 'node', target: 'node22' },
    ...{ keepNames: true, minifySyntax: true, legalComments: 'none', logLevel: 'warning' },
    banner: { js: format === 'cjs' ? CJS_META : ESM_REQUIRE },
    ...(format === 'cjs' && { define: { 'import.meta.url': '__importMetaUrl' } }),
  });
}
