/** Upstream's kubelet as a second node of a test cluster: in a network namespace, with a containerd of its own, by TLS bootstrap. */
import { globSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from '@kapella/api/types/core-v1';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { ClusterOptions } from '@kapella/cli';
import { cniBackends } from '@kapella/cni';
import { setUpPodNetwork } from '@kapella/cni/node';
import { importImage, killRuntime, unmountUnder } from '@kapella/distro/host/node';
import { type Cable, cableNetworks, memberAt, type Member } from '../../../packages/distro/src/cluster/members.ts';
import { containerdPart } from '../../../packages/distro/src/cluster/node/parts.ts';
import { inNamespace, layCable, removeCable } from '../../../packages/distro/src/host/node/cables.ts';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { upstreamProgram } from '../support/programs.ts';

/** Among the cluster's own nodes on this machine; far from those that it may start itself. */
const INDEX = 9;
const READY_MS_MAX = 120_000;
/** What the kubelet sets when it starts, for the whole machine. */
const TUNABLES = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'];

export interface ForeignNode extends AsyncDisposable {
  readonly name: string;
  readonly process: BackgroundProcess;
}

export interface ForeignNodeOptions {
  readonly cluster: TestCluster;
  readonly podCidr: string;
  /** First address of the Services' network that DNS has. */
  readonly dnsAddress: string;
  /** Tars. */
  readonly images: readonly string[];
  /** For its log. */
  readonly results: string;
}

/** Resolves when its Node is Ready. */
export async function startForeignNode(options: ForeignNodeOptions): Promise<ForeignNode> {
  const { cluster, podCidr, images, results } = options;
  const ctx = hostCtx(new AbortController().signal, silentLogger);
  const { name, dataDir } = cluster;
  const place = { name, podCidr, dataDir, nodeName: name } as ClusterOptions;
  const member = memberAt(place, INDEX);
  const cable = member.cable as Cable;
  await using stack = new AsyncDisposableStack();
  stack.defer(keepTunables());
  await layCable({ clusterName: name, cable, networks: cableNetworks(place), podCidr }, ctx);
  stack.defer(async () => void (await removeCable(cable)));
  stack.defer(async () => void (await unmountUnder([join(dataDir, 'nodes'), member.runtime.runDir])));
  const runtime = containerdPart(member, inNamespace(cable));
  stack.defer(async () => void (await killRuntime(member.runtime, ctx)));
  await runtime.start(ctx);
  await runtime.ready(ctx, () => {});
  for (const tar of images) await importImage(tar, { paths: member.runtime });

  const cgroups = makeCgroups(`kapella-${name}/upstream`);
  stack.defer(async () => removeCgroups(cgroups));
  const args = await writeFiles(options, member, cable);
  const [program = '', ...words] = [...inNamespace(cable), await upstreamProgram('kubelet'), ...args];
  const kubelet = startProcess(results, { name: 'kubelet', program, args: words });
  stack.use(kubelet);
  const podCIDRs = await eventually(
    'the node has a Pod network',
    async () => {
      await kubelet.check();
      const { spec } = JSON.parse(await cluster.kubectl(`get node ${member.nodeName} -o json`)) as Node;
      return spec.podCIDRs;
    },
    READY_MS_MAX,
  );
  await setUpPodNetwork(
    {
      backend: cniBackends.ptp,
      ...{ binDir: member.runtime.cniBinDir, confDir: member.runtime.cniConfDir },
      commandPrefix: inNamespace(cable),
      network: {
        ...{ clusterName: name, podCIDRs, mtuBytes: 1_400, ipamDir: member.ipamDir },
        clusterCIDRs: [podCidr, ...cableNetworks(place)],
      },
    },
    ctx,
  );
  await cluster.kubectl(`wait node ${member.nodeName} --for=condition=Ready --timeout=${READY_MS_MAX / 1_000}s`);
  const owned = stack.move();
  return { name: member.nodeName, process: kubelet, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A token, as an operator would hand it out, and a configuration as kubeadm writes it, for this machine. */
async function writeFiles(
  { cluster, dnsAddress }: ForeignNodeOptions,
  { dataDir: directory, nodeName, runtime }: Member,
  { machineAddress, nodeAddress }: Cable,
): Promise<readonly string[]> {
  mkdirSync(directory, { recursive: true });
  const made = await cluster.kapella('token create --ttl 1h --output json');
  const { token } = (JSON.parse(made.stdout.trim().split('\n').at(-1) ?? '{}') as { result: { token: string } }).result;
  const at = (file: string) => join(directory, file);
  const ca = join(cluster.dataDir, 'pki/ca.crt');
  const server = `https://${machineAddress}:${cluster.apiPort}`;
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  writeFileSync(at('bootstrap.kubeconfig'), JSON.stringify(kubeconfig), { mode: 0o600 });
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: ca } },
    authorization: { mode: 'Webhook' },
    ...{ clusterDomain: 'cluster.local', clusterDNS: [dnsAddress], resolvConf: '/etc/resolv.conf' },
    ...{ cgroupDriver: 'cgroupfs', cgroupRoot: `/kapella-${cluster.name}/upstream`, failCgroupV1: false },
    ...{ failSwapOn: false, oomScoreAdj: 0, containerRuntimeEndpoint: `unix://${runtime.socket}` },
    ...{ rotateCertificates: true, serverTLSBootstrap: true },
    ...{ podLogsDir: at('pod-logs'), volumePluginDir: at('volume-plugins') },
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
  };
  writeFileSync(at('config.json'), JSON.stringify(config));
  return [
    `--bootstrap-kubeconfig=${at('bootstrap.kubeconfig')}`,
    `--kubeconfig=${at('kubeconfig')}`,
    `--cert-dir=${at('pki')}`,
    `--root-dir=${at('kubelet')}`,
    `--config=${at('config.json')}`,
    ...[`--hostname-override=${nodeName}`, `--node-ip=${nodeAddress}`, '--v=2'],
  ];
}

function keepTunables(): () => Promise<void> {
  const files = TUNABLES.map((name) => `/proc/sys/${name}`);
  const values = files.map((file) => readFileSync(file, 'utf8'));
  return async () => {
    for (const [i, file] of files.entries()) writeFileSync(file, values[i] ?? '');
  };
}

/** In each hierarchy of cgroups v1, or in the one of v2. The kubelet wants its root to be there. */
function makeCgroups(path: string): readonly string[] {
  const roots = ['/sys/fs/cgroup', ...globSync('/sys/fs/cgroup/*/')].filter((root) => isHierarchy(root));
  const directories = roots.map((root) => join(root, path));
  for (const directory of directories) mkdirSync(directory, { recursive: true });
  return directories;
}

const isHierarchy = (root: string) =>
  globSync(join(root, 'cgroup.procs')).length > 0 && !globSync(join(root, 'cgroup.type')).length;

function removeCgroups(directories: readonly string[]): void {
  for (const directory of directories) {
    const inner = globSync(join(directory, '**/')).toSorted((a, b) => b.length - a.length);
    for (const each of new Set([...inner, directory])) rmdirSync(each);
  }
}
