/** A control plane of Kapella's for upstream's suites: `kapella server` on loopback, with kwok's hollow nodes where wanted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../support/cluster.ts';
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
  readonly apiPort: number;
  readonly hollowNodes: number;
}

/** Resolves when the API answers and every hollow node is Ready. */
export async function startControlPlane({ apiPort, hollowNodes }: ControlPlaneOptions): Promise<ControlPlane> {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-upstream-'));
  const kubeconfig = join(directory, 'data/admin.kubeconfig');
  const flags = ['--data-dir', join(directory, 'data'), '--api-port', String(apiPort), '--bind-address', '127.0.0.1'];
  const processes = [start(directory, 'server', join(ROOT, 'kapella'), ['server', ...flags])];
  const stop = async () => {
    for (const process of processes.toReversed()) await end(process);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await eventually('the API answers', directory, async () => (await kubectl(kubeconfig, 'get', 'ns')).code === 0);
    if (hollowNodes > 0) {
      processes.push(start(directory, 'kwok', await upstreamProgram('kwok'), await kwokFlags(directory, kubeconfig)));
      await createHollowNodes(kubeconfig, hollowNodes);
      await eventually('hollow nodes are Ready', directory, async () => {
        const { stdout } = await kubectl(kubeconfig, 'get', 'nodes', '--no-headers');
        return stdout.split('\n').filter((line) => / Ready /.test(line)).length === hollowNodes;
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { kubeconfig, directory, [Symbol.asyncDispose]: stop };
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

function kubectl(kubeconfig: string, ...args: string[]) {
  return run('kubectl', ['--kubeconfig', kubeconfig, ...args], {});
}

function start(directory: string, name: string, program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(directory, `${name}.log`));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return child;
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

async function eventually(what: string, directory: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await probe())) {
    if (performance.now() > deadline)
      throw new Error(`waited ${READY_MS_MAX / 1000} s until ${what}; logs: ${directory}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
