/**
 * The integration tests of apiextensions-apiserver on Kapella's kube-apiserver and a real etcd: each test starts a server
 * of its own. `testserver.go` takes the place of the package by which they start upstream's.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { freePort } from '../support/control-plane.ts';
import { startProcess } from '../support/processes.ts';
import { CACHE, downloadModule, STAGING_VERSION, upstreamProgram } from '../support/programs.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';

const ROOT = join(import.meta.dirname, '../../..');
const MODULE = 'k8s.io/apiextensions-apiserver';
const SOURCE = join(CACHE, `apiextensions-apiserver-${STAGING_VERSION}`);
const PACKAGES = ['./test/integration', './test/integration/conversion'];
const BUILD_MS_MAX = 20 * 60_000;
const TEST_MS_MAX = 6 * 60_000;
const LINES_MAX = 5;

/** `only`: a pattern of tests, as `go test -run` takes it. */
export const apiextensions: UpstreamSuite = {
  name: 'apiextensions',
  text: "apiextensions-apiserver's integration tests, on Kapella's kube-apiserver over etcd",
  async run({ only = '.', results }) {
    await fetchSource();
    const { stdout: assets } = await run(join(ROOT, 'kapella'), ['envtest', '--print-path'], { cwd: ROOT });
    const directory = mkdtempSync(join(tmpdir(), 'kapella-etcd-'));
    const url = `http://127.0.0.1:${await freePort()}`;
    await using etcd = startProcess(directory, { name: 'etcd', ...(await etcdCommand(directory, url)) });
    await etcd.check();
    const env = { KUBEBUILDER_ASSETS: assets.trim(), KUBE_INTEGRATION_ETCD_URL: url };
    let text = '';
    for (const name of PACKAGES) text += await runPackage(join(SOURCE, name), only, env);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'go-test.txt'), text);
    return readTests(text);
  },
};

/** Each test in a process of its own: one that panics ends no other. */
async function runPackage(directory: string, only: string, env: Readonly<Record<string, string>>): Promise<string> {
  const program = join(directory, 'kapella.test');
  const build = { cwd: directory, env: { CGO_ENABLED: '0' }, timeoutMs: BUILD_MS_MAX };
  const built = await run('go', ['test', '-c', '-o', program, '.'], build);
  if (built.code !== 0) throw new Error(`tests in ${directory} do not compile: ${built.stderr.slice(-2000)}`);
  const { stdout: list } = await run(program, ['-test.list', only], { cwd: directory, env });
  let text = '';
  for (const name of list.split('\n').filter((line) => line.startsWith('Test'))) {
    const args = ['-test.v', '-test.run', `^${name}$`, '-test.timeout', '5m'];
    const { stdout, stderr } = await run(program, args, { cwd: directory, env, timeoutMs: TEST_MS_MAX });
    text += stdout + stderr;
  }
  return text;
}

async function etcdCommand(directory: string, url: string) {
  const peer = `http://127.0.0.1:${await freePort()}`;
  const args = [
    ...['--data-dir', directory, '--listen-client-urls', url, '--advertise-client-urls', url, '--unsafe-no-fsync'],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
  ];
  return { program: await upstreamProgram('etcd'), args };
}

/** A copy, since the module cache is not to be written to. */
async function fetchSource(): Promise<void> {
  if (!existsSync(join(SOURCE, 'go.mod'))) {
    cpSync(await downloadModule(`${MODULE}@${STAGING_VERSION}`), SOURCE, { recursive: true });
    await run('chmod', ['-R', 'u+w', SOURCE], {});
  }
  copyFileSync(join(import.meta.dirname, 'testserver.go'), join(SOURCE, 'pkg/cmd/server/testing/testserver.go'));
}

/** Every test and every subtest that has none of its own, of what `go test -v` prints. Exported for its test. */
export function readTests(text: string): SuiteResult {
  const ends = new Map<string, string>();
  let said: string[] = [];
  const whys = new Map<string, string>();
  for (const line of text.split('\n')) {
    const end = /^\s*--- (PASS|FAIL): (\S+)/.exec(line);
    if (end !== null) {
      const [, outcome = '', name = ''] = end;
      ends.set(name, outcome);
      if (outcome === 'FAIL') whys.set(name, said.slice(-LINES_MAX).join('\n'));
      said = [];
    } else if (/_test\.go:\d+:|^panic:/.test(line)) said.push(line.trim());
  }
  const above = (name: string) => name.split('/').map((_, i, all) => all.slice(0, i).join('/'));
  const parents = new Set([...ends.keys()].flatMap(above));
  const leaves = [...ends].filter(([name]) => !parents.has(name));
  const failures = leaves
    .filter(([, outcome]) => outcome === 'FAIL')
    .map(([name]) => ({ name, why: whys.get(name) || 'see go-test.txt' }));
  return { passed: leaves.length - failures.length, failures };
}
