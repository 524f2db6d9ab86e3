/** controller-runtime's own tests, with the executables of `kapella envtest` as their control plane. */
import { chmodSync, cpSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';

/** The minor version that goes with Kubernetes 1.36. */
const MODULE = 'sigs.k8s.io/controller-runtime@v0.24.1';
const RUN_MS_MAX = 30 * 60_000;
const ROOT = join(import.meta.dirname, '../../..');
const SOURCE = join(homedir(), '.cache/kapella-upstream/controller-runtime-v0.24.1');
/** Fail with upstream's control plane just so: they fetch an index of releases from the internet. */
const NEEDS_INTERNET = /^(TestApiMachinery|TestLazyRestMapperProvider)/;

/** `only`: packages, as `./pkg/client/...`. */
export const controllerRuntime: UpstreamSuite = {
  name: 'controller-runtime',
  text: "controller-runtime's own tests, on `kapella envtest`",
  async run({ only, results }) {
    await fetchSource();
    const assets = await must(join(ROOT, 'kapella'), ['envtest', '--print-path'], ROOT);
    const { stdout } = await run('go', ['test', '-json', '-count=1', only ?? './pkg/...'], {
      cwd: SOURCE,
      env: { KUBEBUILDER_ASSETS: assets.trim() },
      timeoutMs: RUN_MS_MAX,
    });
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'go-test.json'), stdout);
    return readEvents(stdout);
  },
};

/** Tests of a module run in its own directory: a copy, since the module cache is not to be written to. */
async function fetchSource(): Promise<void> {
  if (existsSync(join(SOURCE, 'go.mod'))) return;
  const parent = join(SOURCE, '..');
  mkdirSync(parent, { recursive: true });
  const { Dir } = JSON.parse(await must('go', ['mod', 'download', '-json', MODULE], parent)) as {
    readonly Dir: string;
  };
  rmSync(SOURCE, { recursive: true, force: true });
  cpSync(Dir, SOURCE, { recursive: true });
  await must('chmod', ['-R', 'u+w', SOURCE], parent);
  // Modules come without executable bits.
  for (const script of globSync('**/testdata/*.sh', { cwd: SOURCE })) chmodSync(join(SOURCE, script), 0o755);
}

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, { cwd, timeoutMs: RUN_MS_MAX });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.slice(-2000)}`);
  return stdout;
}

interface TestEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** Counts ginkgo's specs where a package has them, else Go's tests. Exported for its test. */
export function readEvents(text: string): SuiteResult {
  const failures: { name: string; why: string }[] = [];
  let passed = 0;
  const events = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as TestEvent);
  const specPackages = new Set<string>();
  for (const { Package = '', Output = '' } of events) {
    const specs = /(\d+) Passed \| (\d+) Failed/.exec(withoutColour(Output));
    if (specs === null) continue;
    specPackages.add(Package);
    passed += Number(specs[1]);
  }
  for (const { Package = '', Output = '' } of events) {
    const failed = /^\s*\[FAIL\] (.*)/.exec(withoutColour(Output))?.[1];
    if (failed !== undefined) failures.push({ name: `${Package}: ${failed.trim()}`, why: 'see go-test.json' });
  }
  for (const { Action, Package = '', Test = '' } of events) {
    if (Test === '' || Test.includes('/') || NEEDS_INTERNET.test(Test)) continue;
    if (Action === 'pass' && !specPackages.has(Package)) passed++;
    if (Action === 'fail' && !specPackages.has(Package))
      failures.push({ name: `${Package}: ${Test}`, why: 'see go-test.json' });
  }
  return { passed, failures };
}

const withoutColour = (text: string) => text.replace(/\u001b\[[\d;]*m/g, '');
