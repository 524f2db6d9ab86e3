/** The CSI driver of packages/csi-driver, run beside a test cluster as on a node. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstallCommand } from '@kapella/distro/host';
import { run, type TestCluster } from './cluster.ts';

/** The program of the driver. */
export const LOOP_DRIVER_MAIN = join(import.meta.dirname, '../../packages/csi-driver/src/node/main.ts');
const DRIVER = 'loop.csi.kapella.io';

export interface LoopDriverOptions {
  /** It does by itself what sidecars do for other drivers. Default: yes. */
  readonly companion?: boolean;
}

export interface LoopDriver extends AsyncDisposable {
  /** Absolute path. */
  readonly socket: string;
  /** Ids of the volumes and snapshots that there are. */
  images(): readonly string[];
}

export async function startLoopDriver(
  cluster: TestCluster,
  { companion = true }: LoopDriverOptions = {},
): Promise<LoopDriver> {
  await ensureXfs();
  const node = join(cluster.dataDir, 'node');
  const data = join(cluster.dataDir, 'csi-loop');
  const sockets = join(node, 'plugins', DRIVER);
  mkdirSync(sockets, { recursive: true });
  const socket = join(sockets, 'csi.sock');
  const places = ['--data-dir', data, '--socket', socket, '--registry', join(node, 'plugins_registry')];
  const helpers = companion ? ['--kubeconfig', cluster.kubeconfig] : [];
  const args = [LOOP_DRIVER_MAIN, ...places, '--node', cluster.name, ...helpers];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    socket,
    images: () => ['volumes', 'snapshots'].flatMap((kind) => readdirSync(join(data, kind))),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** The driver's file system is Debian's xfsprogs; installed where it is missing. */
export async function ensureXfs(): Promise<void> {
  if ((await run('sh', ['-c', 'command -v mkfs.xfs'], {})).code === 0) return;
  const [program = '', ...args] = aptInstallCommand(['xfsprogs']);
  const { code, stderr } = await run(program, args, { timeoutMs: 300_000, env: { DEBIAN_FRONTEND: 'noninteractive' } });
  if (code !== 0) throw new Error(`xfsprogs could not be installed: ${stderr}`);
}
