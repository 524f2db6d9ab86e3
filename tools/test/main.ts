/**
 * `npm test [-- SUITE…]`: sets up everything the tests need, then runs them in this order, stopping at the first failure:
 * check (types, lint, boundaries), unit (pure, in memory), integration (real kubectl, real containerd, root).
 * `npm test -- facts` holds the generated facts against upstream's documents; it needs Go.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { setUpIntegration } from './set-up.ts';

const root = join(import.meta.dirname, '../..');

interface Suite {
  readonly name: string;
  /** Runs only when it is asked for by name. */
  readonly onDemand?: true;
  run(): Promise<number> | number;
}

function node(args: readonly string[]): number {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return result.status ?? 1;
}

/**
 * A file whose test failed may leave a server or a connection open: its process ends all the same once its tests have, or one failure
 * would hold up the whole run (a test's timeout ends the test, not the process).
 */
const always = ['--test', '--test-force-exit'];

function testFiles(...patterns: readonly string[]): string[] {
  const files = globSync([...patterns], { cwd: root });
  if (files.length === 0) throw new Error(`no test file matches ${patterns.join(' ')}`);
  return files.sort();
}

const suites: readonly Suite[] = [
  { name: 'check', run: () => node(['tools/check/main.ts']) },
  {
    name: 'unit',
    run: () =>
      node([
        ...always,
        '--test-timeout=120000',
        ...testFiles(
          'packages/*/src/**/*.test.ts',
          'tools/!(gen)/**/*.test.ts',
          'bench/**/*.test.ts',
          'examples/redis-operator/**/*.test.ts',
          'test/upstream/**/*.test.ts',
        ),
      ]),
  },
  {
    name: 'integration',
    async run() {
      await setUpIntegration();
      // One cluster at a time: the tests measure and kill processes.
      const files = testFiles('test/integration/**/*.test.ts');
      return node([...always, '--test-concurrency=1', '--test-timeout=600000', ...files]);
    },
  },
  {
    name: 'facts',
    onDemand: true, // the checked-in facts against upstream's published documents: needs Go's client, after a new `npm run gen`
    async run() {
      const { findSources } = await import('../gen/sources.ts');
      findSources();
      return node(['--test', ...testFiles('tools/gen/**/*.test.ts')]);
    },
  },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `unknown suite ${unknown.join(', ')}; there are ${suites.map((suite) => suite.name).join(', ')}\n`,
  );
  process.exit(2);
}
for (const suite of suites) {
  if (wanted.length === 0 ? suite.onDemand === true : !wanted.includes(suite.name)) continue;
  const startMs = performance.now();
  process.stdout.write(`\n== ${suite.name}\n`);
  const status = await suite.run();
  process.stdout.write(
    `== ${suite.name} ${status === 0 ? 'passed' : 'FAILED'} in ${((performance.now() - startMs) / 1000).toFixed(0)} s\n`,
  );
  if (status !== 0) process.exit(status);
}
