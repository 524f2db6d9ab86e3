/** A control plane of Kapella's for upstream's suites: `kapella server` on loopback, with kwok's hollow nodes where wanted. */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
import { type BackgroundProcess, startProcess } from './processes.ts';
import { upstreamModule, upstreamProgram } from './programs.ts';

const ROOT = join(import.meta.dirname, '../../..');
const READY_MS_MAX = 60_000;
const POLL_MS = 100;

export interface ControlPlane extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Logs of the server and of kwok. */
  readonly directory: string;
}

export interface ControlPlaneOptions {
  /** A free one when it is not given. */
  readonly apiPort?: number;
  readonly hollowNodes: number;
  /** Upstream's flags, for kube-apiserver.flags in the data directory. */
  readonly upstreamFlags?: readonly string[];
  /** Further flags of `kapella server`. */
  readonly serverFlags?: readonly string[];
}

/** Resolves when the API answers and every hollow node is Ready. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { apiPort = await freePort(), hollowNodes, serverFlags = [], upstreamFlags = [] } = options;
  const directory = mkdtempSync(join(tmpdir(), 'kapella-upstream-'));
  mkdirSync(join(directory, 'data'));
  writeFileSync(join(directory, 'data/kube-apiserver.flags'), upstreamFlags.map((flag) => `${flag}\n`).join(''));
  const kubeconfig = join(directory, 'data/admin.kubeconfig');
  const flags = ['--data-dir', join(directory, 'data'), '--api-port', String(apiPort), '--bind-address', '127.0.0.1'];
  const args = ['server', ...flags, ...serverFlags];
  const server = startProcess(directory, { name: 'server', program: join(ROOT, 'kapella'), args });
  const processes = [server];
  const stop = async () => {
    for (const process of processes.toReversed()) await process[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await eventually('the API answers', server, async () => {
      await server.check();
      return (await kubectl(kubeconfig, 'get', 'ns')).code === 0;
    });
    if (hollowNodes > 0) processes.push(await startHollowNodes(directory, kubeconfig, hollowNodes));
  } catch (error) {
    await stop();
    throw error;
  }
  return { kubeconfig, directory, [Symbol.asyncDispose]: stop };
}

/** kwok, and so many nodes of its: resolves when all are Ready. */
export async function startHollowNodes(
  directory: string,
  kubeconfig: string,
  count: number,
): Promise<BackgroundProcess> {
  const spec = { program: await upstreamProgram('kwok'), args: await kwokFlags(directory, kubeconfig) };
  const kwok = startProcess(directory, { name: 'kwok', ...spec });
  await createHollowNodes(kubeconfig, count);
  await eventually('hollow nodes are Ready', kwok, async () => {
    await kwok.check();
    const { stdout } = await kubectl(kubeconfig, 'get', 'nodes', '--no-headers');
    return stdout.split('\n').filter((line) => / Ready /.test(line)).length === count;
  });
  return kwok;
}

/** kwok is given its stages, as its own installer does. */
async function kwokFlags(directory: string, kubeconfig: string): Promise<string[]> {
  const module = await upstreamModule('kwok', 'sigs.k8s.io/kwok');
  const files = globSync(['node/{fast,heartbeat-with-lease}/*.yaml', 'pod/fast/*.yaml'], {
    cwd: join(module, 'kustomize/stage'),
  }).filter((file) => !/kustomization|patch/.test(file));
  const stages = files.sort().map((file) => readFileSync(join(module, 'kustomize/stage', file), 'utf8'));
  const config = join(directory, 'stages.yaml');
  writeFileSync(config, stages.join('\n---\n'));
  return [
    `--kubeconfig=${kubeconfig}`,
    `--config=${config}`,
    '--manage-all-nodes=true',
    '--node-lease-duration-seconds=40',
    '--server-address=127.0.0.1:0',
  ];
}

async function createHollowNodes(kubeconfig: string, count: number): Promise<void> {
  const nodes = Array.from({ length: count }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: `hollow-${i}`,
      labels: { 'kubernetes.io/hostname': `hollow-${i}`, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
    },
    status: {
      allocatable: { cpu: '32', memory: '256Gi', pods: '110' },
      capacity: { cpu: '32', memory: '256Gi', pods: '110' },
    },
  }));
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: nodes });
  const { code, stderr } = await run('kubectl', ['--kubeconfig', kubeconfig, 'apply', '-f', '-'], { input: list });
  if (code !== 0) throw new Error(`hollow nodes were not created: ${stderr}`);
}

/** A port of loopback that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function kubectl(kubeconfig: string, ...args: string[]) {
  return run('kubectl', ['--kubeconfig', kubeconfig, ...args], {});
}

async function eventually(what: string, server: BackgroundProcess, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited ${READY_MS_MAX / 1000} s until ${what}: ${server.log()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
