/**
 * Upstream's own programs, built from their Go modules when first asked for and kept in ~/.cache/kapella-upstream/bin.
 * Test dependencies: nothing of Kapella needs them to run.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';

export const KUBERNETES_VERSION = 'v1.36.3';
export const STAGING_VERSION = 'v0.36.3';
/** The first build of e2e.test takes 8 minutes on 2 cores. */
const BUILD_MS_MAX = 40 * 60_000;

export const CACHE = join(homedir(), '.cache/kapella-upstream');
export const PROGRAMS_DIR = join(CACHE, 'bin');

interface ProgramSource {
  /** Its place among the build modules: programs of one module share their downloads. */
  readonly module: 'kubernetes' | keyof typeof MODULES;
  readonly package: string;
  /** A test binary (`go test -c`). */
  readonly isTest?: true;
}

interface BuildModule {
  readonly requires: readonly string[];
  /** `old=new@version`. */
  readonly replaces?: readonly string[];
}

/** The modules that are no part of Kubernetes: what each asks for, and whom it replaces (a module's own does not count). */
const MODULES = {
  etcd: { requires: ['go.etcd.io/etcd/server/v3@v3.6.16', 'go.etcd.io/etcd/etcdctl/v3@v3.6.16'] },
  kwok: { requires: ['sigs.k8s.io/kwok@v0.8.0'] },
  'sample-apiserver': { requires: [`k8s.io/sample-apiserver@${STAGING_VERSION}`] },
  helm4: { requires: ['helm.sh/helm/v4@v4.3.1'] },
  helm3: { requires: ['helm.sh/helm/v3@v3.22.0'] },
  'cert-manager': { requires: ['github.com/cert-manager/cert-manager@v1.11.5'] },
  'prometheus-operator': { requires: ['github.com/prometheus-operator/prometheus-operator@v0.85.0'] },
  'kustomize-controller': {
    requires: ['github.com/fluxcd/kustomize-controller@v1.9.6'],
    replaces: [
      'github.com/opencontainers/go-digest=github.com/opencontainers/go-digest@v1.0.1-0.20220411205349-bde1400a84be',
    ],
  },
  'metrics-server': { requires: ['sigs.k8s.io/metrics-server@v0.9.0'] },
  'csi-test': { requires: ['github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity@v5.6.0'] },
  'csi-sidecars': {
    requires: [
      'github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner@v6.4.0',
      'github.com/kubernetes-csi/external-attacher/v4/cmd/csi-attacher@v4.13.0',
      'github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer@v2.3.0',
    ],
  },
} satisfies Record<string, BuildModule>;

const KUBERNETES_CSI = 'github.com/kubernetes-csi';
const CERT_MANAGER = 'github.com/cert-manager/cert-manager';

const kubernetes = (path: string): ProgramSource => ({ module: 'kubernetes', package: `k8s.io/kubernetes/${path}` });

const PROGRAMS = {
  'kube-apiserver': kubernetes('cmd/kube-apiserver'),
  'kube-controller-manager': kubernetes('cmd/kube-controller-manager'),
  'kube-scheduler': kubernetes('cmd/kube-scheduler'),
  kubelet: kubernetes('cmd/kubelet'),
  agnhost: kubernetes('test/images/agnhost'),
  nonewprivs: kubernetes('test/images/nonewprivs'),
  'e2e.test': { ...kubernetes('test/e2e'), isTest: true },
  'scheduler-perf-affinity': { ...kubernetes('test/integration/scheduler_perf/affinity'), isTest: true },
  'scheduler-perf-misc': { ...kubernetes('test/integration/scheduler_perf/misc'), isTest: true },
  'scheduler-perf-topology_spreading': {
    ...kubernetes('test/integration/scheduler_perf/topology_spreading'),
    isTest: true,
  },
  ginkgo: { module: 'kubernetes', package: 'github.com/onsi/ginkgo/v2/ginkgo' },
  etcd: { module: 'etcd', package: 'go.etcd.io/etcd/server/v3' },
  etcdctl: { module: 'etcd', package: 'go.etcd.io/etcd/etcdctl/v3' },
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok' },
  'sample-apiserver': { module: 'sample-apiserver', package: 'k8s.io/sample-apiserver' },
  helm4: { module: 'helm4', package: 'helm.sh/helm/v4/cmd/helm' },
  helm3: { module: 'helm3', package: 'helm.sh/helm/v3/cmd/helm' },
  'cert-manager-controller': { module: 'cert-manager', package: `${CERT_MANAGER}/cmd/controller` },
  'cert-manager-webhook': { module: 'cert-manager', package: `${CERT_MANAGER}/cmd/webhook` },
  'cert-manager-cainjector': { module: 'cert-manager', package: `${CERT_MANAGER}/cmd/cainjector` },
  'prometheus-operator': {
    module: 'prometheus-operator',
    package: 'github.com/prometheus-operator/prometheus-operator/cmd/operator',
  },
  'kustomize-controller': { module: 'kustomize-controller', package: 'github.com/fluxcd/kustomize-controller' },
  'metrics-server': { module: 'metrics-server', package: 'sigs.k8s.io/metrics-server/cmd/metrics-server' },
  'csi-sanity': { module: 'csi-test', package: `${KUBERNETES_CSI}/csi-test/v5/cmd/csi-sanity` },
  'csi-provisioner': {
    module: 'csi-sidecars',
    package: `${KUBERNETES_CSI}/external-provisioner/v6/cmd/csi-provisioner`,
  },
  'csi-attacher': { module: 'csi-sidecars', package: `${KUBERNETES_CSI}/external-attacher/v4/cmd/csi-attacher` },
  'csi-resizer': { module: 'csi-sidecars', package: `${KUBERNETES_CSI}/external-resizer/v2/cmd/csi-resizer` },
} satisfies Record<string, ProgramSource>;

export type UpstreamProgram = keyof typeof PROGRAMS;

/** The path of an executable, after building it where it is not there yet. Rejects with what the Go client said. */
export async function upstreamProgram(name: UpstreamProgram): Promise<string> {
  const path = join(PROGRAMS_DIR, name);
  if (existsSync(path)) return path;
  const source: ProgramSource = PROGRAMS[name];
  const directory = await buildModule(source.module);
  process.stderr.write(`building ${name} from ${source.package}: minutes, once\n`);
  mkdirSync(PROGRAMS_DIR, { recursive: true });
  const verb = source.isTest === true ? ['test', '-c'] : ['build'];
  await go(directory, [...verb, '-ldflags', linkerFlags(source), '-o', path, source.package]);
  return path;
}

/** A program of one file that uses Kubernetes' own packages, compiled again when its source changes. Answers its path. */
export async function compileKubernetesProgram(name: string, source: string): Promise<string> {
  const directory = await buildModule('kubernetes');
  const path = join(PROGRAMS_DIR, name);
  const file = join(directory, name, 'main.go');
  if (existsSync(path) && existsSync(file) && readFileSync(file, 'utf8') === source) return path;
  mkdirSync(join(directory, name), { recursive: true });
  mkdirSync(PROGRAMS_DIR, { recursive: true });
  writeFileSync(file, source);
  await go(directory, ['build', '-o', path, `./${name}`]);
  return path;
}

function linkerFlags({ module }: ProgramSource): string {
  if (module !== 'kubernetes') return '-s -w';
  const [major, minor] = KUBERNETES_VERSION.slice(1).split('.');
  const variables = { gitVersion: KUBERNETES_VERSION, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const assigned = Object.entries(variables).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  return ['-s', '-w', ...assigned].join(' ');
}

/** A main module whose requirements are those of the programs in it. */
async function buildModule(module: ProgramSource['module']): Promise<string> {
  const directory = join(CACHE, 'build', module);
  const file = join(directory, 'go.mod');
  if (existsSync(file)) return directory;
  mkdirSync(directory, { recursive: true });
  if (module === 'kubernetes') {
    await writeKubernetesModule(directory);
  } else {
    writeFileSync(file, 'module upstream\n\ngo 1.26\n');
    const { requires, replaces = [] }: BuildModule = MODULES[module];
    for (const replacement of replaces) await go(directory, ['mod', 'edit', `-replace=${replacement}`]);
    await go(directory, ['get', ...requires]);
  }
  return directory;
}

/** The directory of a module's source, for the data that comes with it. */
export async function upstreamModule(module: ProgramSource['module'], path: string): Promise<string> {
  const directory = await buildModule(module);
  return (await go(directory, ['list', '-m', '-f', '{{.Dir}}', path])).trim();
}

/** The directory of a module's source at a version, `path@version`, without what it depends on. */
export async function downloadModule(module: string): Promise<string> {
  const scratch = join(CACHE, 'build');
  mkdirSync(scratch, { recursive: true });
  const answer = await go(scratch, ['mod', 'download', '-json', module]);
  return (JSON.parse(answer) as { readonly Dir: string }).Dir;
}

/** k8s.io/kubernetes takes its staging modules from its own tree; from outside each is its published version. */
async function writeKubernetesModule(directory: string): Promise<void> {
  const source = await downloadModule(`k8s.io/kubernetes@${KUBERNETES_VERSION}`);
  const lines = readFileSync(join(source, 'go.mod'), 'utf8').split('\n');
  const requirements = lines
    .filter((line) => /^\t\S+ v/.test(line))
    .map((line) => line.replace(/^(\tk8s\.io\/[a-z-]+) v0\.0\.0(?=\s|$)/, `$1 ${STAGING_VERSION}`)); // not v0.0.0-DATE-COMMIT
  const replacements = lines
    .map((line) => /^\t(k8s\.io\/[a-z-]+) => \.\/staging/.exec(line)?.[1])
    .filter((name) => name !== undefined)
    .map((name) => `\t${name} => ${name} ${STAGING_VERSION}`);
  const head = ['module upstream', '', ...lines.filter((line) => /^(go|godebug) /.test(line)), ''];
  const required = ['require (', `\tk8s.io/kubernetes ${KUBERNETES_VERSION}`, ...requirements, ')'];
  writeFileSync(join(directory, 'go.sum'), readFileSync(join(source, 'go.sum')));
  writeFileSync(join(directory, 'go.mod'), [...head, ...required, 'replace (', ...replacements, ')', ''].join('\n'));
}

async function go(directory: string, args: readonly string[]): Promise<string> {
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod' };
  const { code, stdout, stderr } = await run('go', args, { cwd: directory, env, timeoutMs: BUILD_MS_MAX });
  if (code !== 0)
    throw new Error(`go ${args[0]} in ${directory} failed with exit code ${code}: ${stderr.slice(-2000)}`);
  return stdout;
}
