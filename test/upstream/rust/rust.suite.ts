/** The integration tests of kube (Rust), which are marked as ignored for want of a cluster, from its crates' sources. */
import { appendFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { succeed } from '../support/commands.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { CACHE } from '../support/programs.ts';
import type { SuiteResult, UpstreamSuite } from '../support/suite.ts';

const VERSION = '5.0.0';
const CRATES = ['kube', 'kube-client', 'kube-runtime'];
const FEATURES = [
  'kube/runtime',
  'kube/derive',
  'kube/ws',
  'kube/jsonpatch',
  'kube-client/ws',
  'kube-client/rustls-tls',
  'kube-client/jsonpatch',
];
/** They run commands in containers, read their logs or forward ports to them: hollow nodes have none. */
const NEEDS_CONTAINERS = [
  'pod_can_exec_and_write_to_stdin',
  'can_get_pod_logs_and_evict',
  'pod_can_await_conditions_and_portforward',
];
/** The first build takes some 5 minutes on 2 cores. */
const RUN_MS_MAX = 30 * 60_000;

/** `only`: a part of tests' names. */
export const rust: UpstreamSuite = {
  name: 'rust',
  text: `kube ${VERSION}: its tests that need a cluster: typed and dynamic APIs, watches, discovery, entries, events`,
  async run({ only, results }) {
    const workspace = await prepareWorkspace();
    const packages = CRATES.flatMap((name) => ['-p', name]);
    const test = ['test', '--lib', '--no-fail-fast', ...packages, '--features', FEATURES.join(',')];
    await succeed('cargo', [...test, '--no-run'], { cwd: workspace, timeoutMs: RUN_MS_MAX });
    await using cluster = await startControlPlane({ hollowNodes: 2 });
    const skipped = NEEDS_CONTAINERS.flatMap((name) => ['--skip', name]);
    const { stdout, stderr } = await run(
      'cargo',
      [...test, '--', '--ignored', '--test-threads=1', ...(only === undefined ? skipped : [only])],
      { cwd: workspace, env: { KUBECONFIG: cluster.kubeconfig, RUST_BACKTRACE: '0' }, timeoutMs: RUN_MS_MAX },
    );
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'cargo-test.log'), stdout + stderr);
    return readLibtest(stdout);
  },
};

/** The published sources as one workspace: tests of a crate run in its own tree. */
async function prepareWorkspace(): Promise<string> {
  const workspace = join(CACHE, 'build', `kube-${VERSION}`);
  if (existsSync(join(workspace, 'Cargo.toml'))) return workspace;
  const fetched = join(workspace, 'fetch');
  mkdirSync(join(fetched, 'src'), { recursive: true });
  const dependencies = CRATES.map((name) => `${name} = "=${VERSION}"`).join('\n');
  writeFileSync(join(fetched, 'src/lib.rs'), '');
  writeFileSync(
    join(fetched, 'Cargo.toml'),
    `[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n[dependencies]\n${dependencies}\n`,
  );
  const answer = await succeed('cargo', ['metadata', '--format-version', '1'], { cwd: fetched, timeoutMs: RUN_MS_MAX });
  const { packages } = JSON.parse(answer) as {
    readonly packages: readonly { readonly name: string; readonly manifest_path: string }[];
  };
  for (const name of CRATES) {
    const found = packages.find((row) => row.name === name);
    if (found === undefined) throw new Error(`cargo knows no crate ${name}`);
    cpSync(dirname(found.manifest_path), join(workspace, name), { recursive: true });
  }
  // Publishing takes out what a crate's tests need of the crate that is built on it.
  for (const name of ['kube-client', 'kube-runtime'])
    appendFileSync(
      join(workspace, name, 'Cargo.toml'),
      '\n[dev-dependencies.kube]\npath = "../kube"\nfeatures = ["derive", "client", "ws", "runtime"]\n',
    );
  const patches = CRATES.map((name) => `${name} = { path = "${name}" }`).join('\n');
  writeFileSync(
    join(workspace, 'Cargo.toml'),
    `[workspace]\nresolver = "3"\nmembers = ${JSON.stringify(CRATES)}\nexclude = ["fetch"]\n\n` +
      `[profile.test]\ndebug = 0\n\n[patch.crates-io]\n${patches}\n`,
  );
  return workspace;
}

/** Lines of Rust's test harness, and the panic of each test that failed. Exported for its test. */
export function readLibtest(text: string): SuiteResult {
  const rows = [...text.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (?:[\s\S]*?\n)?(ok|FAILED)$/gm)];
  if (rows.length === 0) throw new Error(`cargo test ran nothing: ${text.slice(-2_000)}`);
  const failures = rows
    .filter(([, , state]) => state === 'FAILED')
    .map(([, name = '']) => ({ name, why: panicOf(text, name) }));
  return { passed: rows.length - failures.length, failures };
}

function panicOf(text: string, name: string): string {
  const at = text.indexOf(`---- ${name} stdout ----`);
  return at < 0 ? 'see cargo-test.log' : text.slice(at).split('\n').slice(1, 8).join(' ').trim();
}
