/** `npm run check`: types, lint and the boundaries of docs/architecture.md. Prints every finding, then fails. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkBoundaries } from './boundaries.ts';
import { checkExtensionFolders } from './extension-folders.ts';
import { checkFileSizes } from './file-sizes.ts';

const root = join(import.meta.dirname, '../..');

interface Check {
  readonly name: string;
  /** Findings, one line each; none: good. */
  run(): readonly string[];
}

function command(args: readonly string[]): readonly string[] {
  const [name = '', ...rest] = args;
  const result = spawnSync(join(root, 'node_modules/.bin', name), rest, { cwd: root, encoding: 'utf8' });
  if (result.error !== undefined) return [`${name}: ${result.error.message}; run npm install --no-save`];
  if (result.status === 0) return [];
  return `${result.stdout}${result.stderr}`.trimEnd().split('\n');
}

const checks: readonly Check[] = [
  { name: 'types, pure code without a host', run: () => command(['tsc', '-p', 'tsconfig.pure.json']) },
  { name: 'types, everything', run: () => command(['tsc', '-p', 'tsconfig.json']) },
  { name: 'lint', run: () => command(['biome', 'lint', '--error-on-warnings', '--max-diagnostics=200']) },
  { name: 'boundaries between packages', run: () => checkBoundaries(root) },
  { name: 'extension folders have a row and a test', run: () => checkExtensionFolders(root) },
  { name: 'file sizes', run: () => checkFileSizes(root) },
];

let failed = 0;
for (const check of checks) {
  const startMs = performance.now();
  const findings = check.run();
  const tookS = ((performance.now() - startMs) / 1000).toFixed(1);
  process.stdout.write(`${findings.length === 0 ? '✔' : '✘'} ${check.name} (${tookS} s)\n`);
  for (const finding of findings) process.stdout.write(`  ${finding}\n`);
  if (findings.length > 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
