/** `kapella node join` at upstream's control plane: the cases of the suite kubelet, and its specs, on Kapella's agent alone. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@kapella/base';
import { hostCtx, hostRandom } from '@kapella/base/node';
import type { ClusterOptions } from '@kapella/cli';
import { importImage } from '@kapella/distro/host/node';
import { busyboxRecipe } from '@kapella/tools/images';
import { type Cable, cableNetworks, memberAt } from '../../../packages/distro/src/cluster/members.ts';
import { inNamespace, layCable, removeCable, removeCableRules } from '../../../packages/distro/src/host/node/cables.ts';
import { runtimePaths } from '../../../packages/distro/src/host/paths.ts';
import { createToken, tokenSecret, tokenText } from '../../../packages/distro/src/join/token.ts';
import { attachCluster, eventually, run, type TestCluster } from '../../support/cluster.ts';
import { ensureKubectl } from '../../support/kubectl.ts';
import { buildImages, runtimeDir } from '../e2e-node/e2e-node.suite.ts';
import { NODE_CASES } from '../kubelet/cases.ts';
import { runCases } from '../support/cases.ts';
import { readSpecs, runSpecs } from '../support/e2e-test.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { type Plane, startPlane } from './plane.ts';

const SPECS = join(import.meta.dirname, '../kubelet/specs.txt');
const KAPELLA = join(import.meta.dirname, '../../../kapella');
const NAME = 'on-upstream';
const POD_CIDR = '10.152.0.0/16';
const READY_MS_MAX = 120_000;
const LIMITS = { processes: 4, minutesMax: 15 };

/** `only`: `cases` for the cases alone, else a regular expression that narrows the specs. */
export const nodeOnUpstream: UpstreamSuite = {
  name: 'node-on-upstream',
  text: "Kapella's node agent joined to upstream's etcd, kube-apiserver, kube-controller-manager and kube-scheduler",
  async run({ only, results }) {
    mkdirSync(results, { recursive: true });
    const images = (await buildImages()).map(({ tarPath }) => tarPath);
    const path = `${await runtimeDir()}:${process.env['PATH'] ?? ''}`;
    const directory = mkdtempSync(join(tmpdir(), `kapella-${NAME}-`));
    const ctx = hostCtx(new AbortController().signal, silentLogger);
    const place = { name: NAME, podCidr: POD_CIDR, dataDir: join(directory, 'data'), nodeName: NAME } as ClusterOptions;
    const cable = memberAt(place, 9).cable as Cable;
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => rmSync(directory, { recursive: true, force: true }));
    await layCable({ clusterName: NAME, cable, networks: cableNetworks(place), podCidr: POD_CIDR }, ctx);
    stack.defer(() => removeCableRules(NAME));
    stack.defer(async () => void (await removeCable(cable)));
    const network = { podCidr: POD_CIDR, serviceCidr: '10.153.0.0/16' };
    const addresses = { address: cable.machineAddress, serviceAddress: '10.153.0.1', dnsAddress: '10.153.0.10' };
    const plane = stack.use(await startPlane({ directory, results, ...network, ...addresses }));
    const spec = { name: NAME, apiPort: 0, ...network };
    const cluster = await attachCluster(spec, directory); // its kubeconfig is the plane's
    stack.defer(() => reset(place.dataDir));
    const agent = stack.use(await joinNode(plane, cluster, cable, { directory: place.dataDir, path }));
    for (const tar of [(await busyboxRecipe.build({})).tarPath, ...images]) {
      await importImage(tar, { paths: runtimePaths(NAME, place.dataDir) });
    }
    await routeToPods(cluster, cable);
    const context = { cluster, own: NAME };
    const cases = await runCases(NODE_CASES, context, undefined).catch((cause: unknown) => {
      throw new Error(agent.said(), { cause });
    });
    if (only === 'cases') return cases;
    const specs = readSpecs(SPECS, only);
    const kubectl = await ensureKubectl();
    const judged = await runSpecs({ specs, kubeconfig: plane.kubeconfig, kubectl, results, ...LIMITS });
    return { passed: cases.passed + judged.passed, failures: [...cases.failures, ...judged.failures] };
  },
};

async function reset(dataDir: string): Promise<void> {
  await run(KAPELLA, ['reset', '--name', NAME, '--data-dir', dataDir, '--yes'], { timeoutMs: 120_000 });
}

interface Agent extends AsyncDisposable {
  said(): string;
}

/** As an operator would do it: a token, the join, and a yes to the certificates that nobody else approves there. */
async function joinNode(
  plane: Plane,
  cluster: TestCluster,
  cable: Cable,
  { directory, path }: { readonly directory: string; readonly path: string },
): Promise<Agent> {
  const token = createToken(hostRandom);
  await cluster.apply(tokenSecret(token, 'for a test', 3_600_000, Date.now()));
  const flags = ['--server', plane.url, '--token', tokenText(token), '--skip-ca-verification', '--yes'];
  const own = ['--name', NAME, '--data-dir', directory, '--node-name', NAME];
  const [program = '', ...words] = [...inNamespace(cable), KAPELLA, 'node', 'join', ...flags, ...own];
  const child = spawn(program, words, { env: { ...process.env, PATH: path } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-8_000)));
  }
  const isReady = async () => {
    if (child.exitCode !== null) throw new Error(`node join ended: ${said}`);
    await approve(cluster);
    const wait = `wait node/${NAME} --for=condition=Ready --timeout=1s`;
    return (await cluster.tryKubectl(wait)).code === 0 && !/Pending/.test(await cluster.kubectl('get csr'));
  };
  await eventually('the node is Ready', isReady, READY_MS_MAX).catch(async (cause: unknown) => {
    await ended(child);
    throw new Error(said, { cause });
  });
  return { said: () => said, [Symbol.asyncDispose]: () => ended(child) };
}

async function approve(cluster: TestCluster): Promise<void> {
  const rows = (await cluster.kubectl('get csr --no-headers')).split('\n').filter((row) => /Pending/.test(row));
  for (const row of rows) await cluster.kubectl(`certificate approve ${row.split(' ')[0]}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

/** What a router between the machines would know. It goes with the cable. */
async function routeToPods(cluster: TestCluster, { nodeAddress, device }: Cable): Promise<void> {
  const podCidr = await cluster.kubectl(`get node ${NAME} -o jsonpath={.spec.podCIDR}`);
  const { code, stderr } = await run('ip', ['route', 'replace', podCidr, 'via', nodeAddress, 'dev', device], {});
  assert.equal(code, 0, stderr);
  assert.match(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'), /1/);
}
