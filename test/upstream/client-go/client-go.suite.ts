/** Programs on client-go, as tests in Go: what controllers are made of, with the typed clients' protobuf. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { readEvents } from '../controller-runtime/controller-runtime.suite.ts';
import { succeed } from '../support/commands.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { CACHE, STAGING_VERSION } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');
const MODULES = ['client-go', 'api', 'apimachinery', 'apiextensions-apiserver'];
const BUILD_MS_MAX = 20 * 60_000;

/** `only`: a regular expression on the tests' names. */
export const clientGo: UpstreamSuite = {
  name: 'client-go',
  text: 'client-go: informers with WatchList, work queues, leader election, dynamic and cached discovery, apply, scale',
  async run({ only, results }) {
    const directory = await prepare();
    const binary = join(directory, 'programs.test');
    await succeed('go', ['test', '-c', '-o', binary, '.'], {
      cwd: directory,
      env: { CGO_ENABLED: '0' },
      timeoutMs: BUILD_MS_MAX,
    });
    await using cluster = await startControlPlane({
      hollowNodes: 1,
      upstreamFlags: ['--feature-gates=CBORServingAndStorage=true'],
    });
    const { stdout } = await run(
      'go',
      ['tool', 'test2json', '-p', 'client-go', binary, '-test.v', '-test.run', only ?? '.'],
      {
        cwd: directory,
        env: { KUBECONFIG: cluster.kubeconfig },
        timeoutMs: BUILD_MS_MAX,
      },
    );
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'go-test.json'), stdout);
    return readEvents(stdout);
  },
};

async function prepare(): Promise<string> {
  const directory = join(CACHE, 'build/client-go');
  mkdirSync(directory, { recursive: true });
  for (const file of readdirSync(PROGRAMS)) copyFileSync(join(PROGRAMS, file), join(directory, file));
  if (existsSync(join(directory, 'go.sum'))) return directory;
  writeFileSync(join(directory, 'go.mod'), 'module programs\n\ngo 1.26\n');
  const requires = MODULES.map((name) => `k8s.io/${name}@${STAGING_VERSION}`);
  await succeed('go', ['get', '-t', ...requires, '.'], { cwd: directory, timeoutMs: BUILD_MS_MAX });
  return directory;
}
