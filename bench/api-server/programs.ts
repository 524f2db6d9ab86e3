/** Where the executables of both servers come from: Kapella's drop-in folder, and upstream's built from their Go modules. */
import { join } from 'node:path';
import { run } from '../../test/support/cluster.ts';
import { upstreamProgram } from '../../test/upstream/support/programs.ts';
import type { PeerPrograms } from './peers.ts';

const ROOT = join(import.meta.dirname, '../..');

export async function preparePrograms(): Promise<{ readonly kapella: PeerPrograms; readonly upstream: PeerPrograms }> {
  const { code, stdout, stderr } = await run(join(ROOT, 'kapella'), ['envtest', '--print-path'], {});
  if (code !== 0) throw new Error(`kapella envtest failed: ${stderr}`);
  const assets = stdout.trim();
  return {
    kapella: { name: 'kapella', kubeApiServer: join(assets, 'kube-apiserver') },
    upstream: {
      name: 'upstream',
      kubeApiServer: await upstreamProgram('kube-apiserver'),
      etcd: await upstreamProgram('etcd'),
    },
  };
}
