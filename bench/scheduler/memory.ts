/** Resident memory of Kapella's and upstream's scheduler beside the same API server, with a large cluster in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Peer, startPeer } from '../api-server/peers.ts';
import { preparePrograms } from '../api-server/programs.ts';
import { residentMb } from '../support/processes.ts';
import { type Maker, startScheduler, writeKubeconfig } from '../../test/upstream/controller-manager/managers.ts';
import { freePort } from '../../test/upstream/support/control-plane.ts';

const NODES = 5_000;
const PODS = 50_000;
const POSTS_AT_ONCE = 64;
/** Until a scheduler has read it all, and its garbage is collected. */
const SETTLED_MS = 40_000;

/** Megabytes by who made the scheduler. */
export async function schedulerMemory(): Promise<Readonly<Record<Maker, number>>> {
  const programs = await preparePrograms();
  await using peer = await startPeer(programs.kapella, await freePort());
  await fill(peer);
  const kubeconfig = writeKubeconfig(peer);
  const measure = async (maker: Maker): Promise<number> => {
    await using scheduler = await startScheduler(maker, peer, kubeconfig);
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    await scheduler.check();
    return residentMb(schedulerPid(kubeconfig));
  };
  return { kapella: await measure('kapella'), upstream: await measure('upstream') };
}

async function fill(peer: Peer): Promise<void> {
  const room = { cpu: '4', memory: '32Gi', pods: '110' };
  await post(peer, NODES, (i) => [
    '/api/v1/nodes',
    { metadata: { name: nodeName(i), labels: { zone: `z${i % 3}` } }, status: { allocatable: room, capacity: room } },
  ]);
  // No controller is there to make it.
  await post(peer, 1, () => ['/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } }]);
  const resources = { requests: { cpu: '100m', memory: '500Mi' } };
  await post(peer, PODS, (i) => [
    '/api/v1/namespaces/default/pods',
    {
      metadata: { name: `pod-${i}`, labels: { app: `app-${i % 100}` } },
      spec: { nodeName: nodeName(i % NODES), containers: [{ name: 'pause', image: 'pause:3.10', resources }] },
    },
  ]);
}

const nodeName = (i: number) => `node-${i}`;

async function post(peer: Peer, count: number, make: (i: number) => readonly [string, object]): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const { status, body } = await peer.post(...make(next++));
      if (status !== 201) throw new Error(`an object was not created: ${status} ${body.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: POSTS_AT_ONCE }, worker));
}

/** The scheduler is the process of ours that was given the kubeconfig; a launcher before it is the parent. */
function schedulerPid(kubeconfig: string): number {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandLine(pid).includes(`--kubeconfig=${kubeconfig}`));
  const pid = found.toSorted((a, b) => residentMb(b) - residentMb(a))[0];
  if (pid === undefined) throw new Error('the scheduler is not running');
  return pid;
}

function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}
