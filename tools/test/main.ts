/**
 * `npm test [-- SUITE…]`: sets up everything the tests need, then runs them in this order, stopping at the first failure:
 * check (types, lint, boundaries), unit (pure, in memory), integration (real kubectl, real containerd, root).
 * `npm test -- facts` holds the generated facts against upstream's documents; it needs Go.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

const MINUTE_MS = 60_000;

/**
 * A test that fails may leave a server or a connection open, and its process then lives on: after `limitMs` the whole group is
 * ended, or one failure would hold up the run for as long as CI lets it. (`--test-force-exit` loses reports of tests that ran.)
 */
async function node(args: readonly string[], limitMs: number): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', detached: true });
  const end = (signal: NodeJS.Signals) => process.kill(-(child.pid as number), signal);
  process.on('SIGINT', end).on('SIGTERM', end);
  const timer = setTimeout(() => {
    process.stderr.write(`not done after ${limitMs / MINUTE_MS} minutes: what still runs is ended\n`);
    end('SIGKILL');
  }, limitMs);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(timer);
  process.off('SIGINT', end).off('SIGTERM', end);
  return code ?? 1;
}

function testFiles(...patterns: readonly string[]): string[] {
  const files = globSync([...patterns], { cwd: root });
  if (files.length === 0) throw new Error(`no test file matches ${patterns.join(' ')}`);
  return files.sort();
}

const suites: readonly Suite[] = [
  { name: 'check', run: () => node(['tools/check/main.ts'], 10 * MINUTE_MS) },
  {
    name: 'unit',
    run: () =>
      node(
        [
          '--test',
          '--test-timeout=120000',
          ...testFiles(
            'packages/*/src/**/*.test.ts',
            'tools/!(gen)/**/*.test.ts',
            'bench/**/*.test.ts',
            'examples/redis-operator/**/*.test.ts',
            'test/upstream/**/*.test.ts',
          ),
        ],
        20 * MINUTE_MS,
      ),
  },
  {
    name: 'integration',
    async run() {
      await setUpIntegration();
      // One cluster at a time: the tests measure and kill processes.
      const files = testFiles('test/integration/**/*.test.ts');
      return node(['--test', '--test-concurrency=1', '--test-timeout=600000', ...files], 45 * MINUTE_MS);
    },
  },
  {
    name: 'facts',
    onDemand: true, // the checked-in facts against upstream's published documents: needs Go's client, after a new `npm run gen`
    async run() {
      const { findSources } = await import('../gen/sources.ts');
      findSources();
      return node(['--test', ...testFiles('tools/gen/**/*.test.ts')], 20 * MINUTE_MS);
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
