/** The official Python client's own end-to-end tests (also of its asyncio half), from its repository at its release. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { succeed } from '../support/commands.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { CACHE } from '../support/programs.ts';
import { sourceOf } from '../support/sources.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';

/** Its package on PyPI has no e2e tests in it: they come from the branch that it is released from. */
const RELEASE = 'release-36.0';
const TESTS = [
  'kubernetes/e2e_test',
  'kubernetes/base/dynamic/test_client.py',
  'kubernetes/base/dynamic/test_discovery.py',
  'kubernetes/aio/e2e_test',
];
/** They run commands in containers, or forward ports to them: hollow nodes have none. */
const NEEDS_CONTAINERS = ['test_pod_apis', 'test_pod_exec_close_channel', 'test_exit_code', 'test_portforward'];
/**
 * Outdated, and no part of upstream's own runs: custom resources by apiextensions.k8s.io/v1beta1, which went in 1.22, and
 * a comparison of two objects by identity.
 */
const OUTDATED = ['custom_resources', 'test_cache_decoder_resource_and_subresource'];
const RUN_MS_MAX = 15 * 60_000;

/** `only`: an expression of `pytest -k`. */
export const python: UpstreamSuite = {
  name: 'python',
  text: "the Python client's end-to-end tests: typed, dynamic, informers, watches, asyncio, YAML",
  async run({ only, results }) {
    const source = await sourceOf('kubernetes-client/python', RELEASE);
    const interpreter = await environment(source);
    await using cluster = await startControlPlane({ hollowNodes: 2 });
    const without = [...NEEDS_CONTAINERS, ...OUTDATED].map((name) => `not ${name}`).join(' and ');
    const { stdout, stderr } = await run(
      interpreter,
      ['-m', 'pytest', '-rA', '--tb=short', '-p', 'no:cacheprovider', '-k', only ?? without, ...TESTS],
      { cwd: source, env: { KUBECONFIG: cluster.kubeconfig }, timeoutMs: RUN_MS_MAX },
    );
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'pytest.log'), stdout + stderr);
    return readSummary(stdout);
  },
};

/** A virtual environment with what the client and its tests ask for. */
async function environment(source: string): Promise<string> {
  const directory = join(CACHE, 'python');
  const interpreter = join(directory, 'bin/python');
  const done = join(directory, `installed-${RELEASE}`);
  if (existsSync(done)) return interpreter;
  await succeed('python3', ['-m', 'venv', directory]);
  const files = ['requirements.txt', 'requirements-asyncio.txt'].flatMap((file) => ['-r', join(source, file)]);
  await succeed(interpreter, ['-m', 'pip', 'install', '--quiet', 'pytest', ...files], { timeoutMs: RUN_MS_MAX });
  writeFileSync(done, '');
  return interpreter;
}

/** The lines of `pytest -rA`'s short summary. Skipped tests are neither. Exported for its test. */
export function readSummary(text: string): SuiteResult {
  const rows = [...text.matchAll(/^(PASSED|FAILED|ERROR) (\S+)(?: - (.*))?$/gm)];
  if (rows.length === 0) throw new Error(`pytest ran nothing: ${text.slice(-2_000)}`);
  const failures = rows
    .filter(([, state]) => state !== 'PASSED')
    .map(([, state, name, why]) => ({ name: name ?? '', why: why ?? state ?? '' }));
  return { passed: rows.length - failures.length, failures };
}
