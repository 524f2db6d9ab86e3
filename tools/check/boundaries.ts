/** Who may import whom: packages point down the list of docs/architecture.md, pure code sees no host, chance or clock. */
import { type SourceFile, sourceFiles } from './files.ts';

/** Lowest first. A package may import those before it, and never another component of the same row. */
const LAYERS: readonly (readonly string[])[] = [
  ['base'],
  ['csi'],
  ['api'],
  ['cel'],
  ['store'],
  ['client'],
  ['controller'],
  ['provisioner'],
  ['apiserver'],
  ['resources'],
  ['admission', 'apiextensions', 'aggregator'],
  ['controllers', 'scheduler', 'kubelet', 'cni', 'proxy', 'dns', 'ingress', 'local-path', 'csi-driver'],
  ['cli'],
  ['control-plane'],
  ['dashboard', 'simulator'],
  ['testing'],
  ['distro'],
];
/** Components meet through the API: these may not import the server or each other. */
const COMPONENTS = new Set([
  'controllers',
  'scheduler',
  'kubelet',
  'cni',
  'proxy',
  'dns',
  'ingress',
  'local-path',
  'csi-driver',
]);
const SERVER_SIDE = new Set(['store', 'apiserver', 'resources', 'admission', 'apiextensions', 'aggregator']);

const IMPORT = /(?:^|\n)\s*(?:import|export)[^'"\n;]*?from\s*'([^']+)'|import\('([^']+)'\)|(?:^|\n)import\s*'([^']+)'/g;
const HOST_FREE = /^packages\/([^/]+)\/src\//;

export function checkBoundaries(root: string): readonly string[] {
  return sourceFiles(root).flatMap((file) => [...importFindings(file), ...purityFindings(file)]);
}

function importFindings({ path, text }: SourceFile): string[] {
  const owner = HOST_FREE.exec(path)?.[1];
  if (owner === undefined || isTest(path)) return [];
  const findings: string[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const target = /^@kapella\/([^/]+)/.exec(specifier)?.[1];
    if (target !== undefined && !mayImport(owner, target)) {
      findings.push(`${path}: @kapella/${owner} must not import ${specifier} (docs/architecture.md, Layout)`);
    }
    if (isHostModule(specifier) && !isHostFile(path)) findings.push(`${path}: ${specifier} only in a node/ folder`);
  }
  return findings;
}

function mayImport(owner: string, target: string): boolean {
  if (owner === target) return true;
  if (COMPONENTS.has(owner) && (SERVER_SIDE.has(target) || COMPONENTS.has(target))) return false;
  return layerOf(target) < layerOf(owner);
}

function layerOf(name: string): number {
  const layer = LAYERS.findIndex((names) => names.includes(name));
  if (layer < 0) throw new Error(`@kapella/${name} has no place in the layers: add it to tools/check/boundaries.ts`);
  return layer;
}

/** Chance and the wall clock come from outside, so that a seed replays a run. */
function purityFindings({ path, text }: SourceFile): string[] {
  if (!HOST_FREE.test(path) || isHostFile(path) || isTest(path)) return [];
  const banned: readonly [RegExp, string][] = [
    [/\bMath\.random\(/, 'Math.random: take a Random'],
    [/\bDate\.now\(/, 'Date.now: take a Clock'],
    [/\bnew Date\(\)/, 'new Date() reads the wall clock: take a Clock'],
  ];
  return banned.filter(([pattern]) => pattern.test(text)).map(([, why]) => `${path}: ${why}`);
}

const HOST_PACKAGES = ['lmdb', '@grpc/', 'ws', '@peculiar/x509', 'tar-stream'];
const isHostModule = (specifier: string) =>
  specifier.startsWith('node:') ||
  HOST_PACKAGES.some((name) => specifier === name || (name.endsWith('/') && specifier.startsWith(name)));
const isHostFile = (path: string) => path.includes('/node/') || path.includes('/browser/');
const isTest = (path: string) => /\.(test|bench|test-support)\.ts$/.test(path) || path.includes('/testdata/');
