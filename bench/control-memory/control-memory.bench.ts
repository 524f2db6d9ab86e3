/**
 * Memory of scheduler and controllers at 5,000 nodes and 50,000 running Pods, ours and upstream's one after the other on the
 * same API server (Kapella's), with nothing to do but to know them. `KAPELLA_BENCH_NODES` makes it smaller.
 */
import { appsV1, coreV1, type KindRef } from '@kapella/api';
import { workload } from '../../test/upstream/controller-manager/objects.ts';
import {
  type Maker,
  startManager,
  startScheduler,
  writeKubeconfig,
} from '../../test/upstream/controller-manager/managers.ts';
import { freePort } from '../../test/upstream/support/control-plane.ts';
import { startPeer } from '../api-server/peers.ts';
import { preparePrograms } from '../api-server/programs.ts';
import type { Benchmark, Sample } from '../support/benchmark.ts';
import { type BenchClient, benchClient } from '../support/client.ts';
import { residentMb } from '../support/processes.ts';

const NODES = Number(process.env['KAPELLA_BENCH_NODES'] ?? 5_000);
const PODS_PER_NODE = 10;
const SETS = 50;
const AT_ONCE = 50;
/** Caches are filled and what filling them left is collected. */
const SETTLED_MS = 60_000;
/** Nobody renews the nodes' leases. */
const CONTROLLERS = '--controllers=*,-node-lifecycle-controller,-taint-eviction-controller,-node-ipam-controller';

export const controlMemory: Benchmark = {
  name: 'control-memory',
  text: `scheduler and controllers at ${NODES} nodes and ${NODES * PODS_PER_NODE} Pods, ours beside upstream's 1.36`,
  figures: [
    { name: 'times-less', text: 'both together: times less than upstream’s', unit: 'x', goalMin: 2 },
    ...(['kapella', 'upstream'] as const).flatMap((maker) => [
      { name: `${maker}-controllers`, text: `${maker}: controllers, resident`, unit: 'MB' as const },
      { name: `${maker}-scheduler`, text: `${maker}: scheduler, resident`, unit: 'MB' as const },
    ]),
  ],
  async measure(runs, sample) {
    await using peer = await startPeer((await preparePrograms()).kapella, await freePort());
    const kubeconfig = writeKubeconfig(peer);
    await using connected = await benchClient(kubeconfig);
    await fill(connected);
    const measured = async (maker: Maker): Promise<Sample> => {
      await using manager = await startManager(maker, peer, kubeconfig, { accounts: false, flags: [CONTROLLERS] });
      await using scheduler = await startScheduler(maker, peer, kubeconfig);
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
      for (const each of [manager, scheduler]) await each.check();
      return {
        [`${maker}-controllers`]: residentMb(manager.pid),
        [`${maker}-scheduler`]: residentMb(scheduler.pid),
      };
    };
    for (let run = 0; run < runs; run++) {
      const ours = await measured('kapella');
      const theirs = await measured('upstream');
      const sum = (of: Sample) => Object.values(of).reduce((total, value) => total + value, 0);
      sample({ ...ours, ...theirs, 'times-less': sum(theirs) / sum(ours) });
    }
  },
};

/** Nodes, ReplicaSets, and Pods of theirs that run: nobody has anything to do. */
async function fill({ client, ctx }: BenchClient): Promise<void> {
  const make = async <T>(kind: KindRef<T>, object: object, status: object) => {
    const created = (await client.create(kind, object as never, ctx)) as object;
    await client.update(kind, { ...created, status } as T, ctx, { subresource: 'status' });
    return created as { readonly metadata: { readonly uid: string } };
  };
  // No controllers run yet that would make it.
  await client.create(coreV1.ServiceAccount, { metadata: { name: 'default', namespace: 'default' } } as never, ctx);
  const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const ready = { type: 'Ready', status: 'True', reason: 'Bench', lastTransitionTime: time };
  const room = { cpu: '32', memory: '256Gi', pods: '110' };
  await each(NODES, (i) =>
    make(coreV1.Node, { metadata: { name: `n${i}` } }, { capacity: room, allocatable: room, conditions: [ready] }),
  );
  const perSet = (NODES * PODS_PER_NODE) / SETS;
  const counts = { replicas: perSet, readyReplicas: perSet, availableReplicas: perSet, observedGeneration: 1 };
  const sets: string[] = [];
  await each(SETS, async (i) => {
    sets[i] = (
      await make(appsV1.ReplicaSet, workload('ReplicaSet', `set${i}`, { replicas: perSet }), counts)
    ).metadata.uid;
  });
  await each(NODES * PODS_PER_NODE, (i) => {
    const set = i % SETS;
    const { template } = workload('ReplicaSet', `set${set}`, {}).spec;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `set${set}`, uid: sets[set], controller: true };
    const metadata = { ...template.metadata, name: `p${i}`, namespace: 'default', ownerReferences: [owner] };
    const spec = { ...template.spec, nodeName: `n${i % NODES}` };
    return make(coreV1.Pod, { metadata, spec }, { phase: 'Running', conditions: [ready], startTime: time });
  });
}

async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
