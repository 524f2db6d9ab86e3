/** What Kapella adds to a Pod's start beyond the runtime's own work, Pod by Pod: both times are of the same Pod. */
import type { Benchmark } from '../support/benchmark.ts';
import { agentCluster, openPlace, type Place, pausePod, quantile, runtimeMs } from './pods.ts';
import type { TestCluster } from '../../test/support/cluster.ts';

const PODS = 100;
const WARM_UP = 3;
const CRI_CALLS = ['run_podsandbox', 'create_container', 'start_container'];

export const nodeAgentStart: Benchmark = {
  name: 'node-agent-start',
  group: 'node-agent',
  text: `${PODS} Pods, one after the other; CRI = RunPodSandbox, CreateContainer, StartContainer of the same Pod`,
  figures: [
    { name: 'added-p50', text: 'POST to Running, less the CRI calls, median', unit: 'ms', goalMax: 50 },
    { name: 'added-p99', text: 'the same, p99', unit: 'ms', goalMax: 250 },
    { name: 'cri-p50', text: 'the CRI calls, median', unit: 'ms' },
    { name: 'total-p50', text: 'POST to Running, median', unit: 'ms' },
  ],
  async measure(runs, sample) {
    await using cluster = await agentCluster(0, 'b-nstart');
    for (let run = 0; run < runs; run++) {
      using place = await openPlace(cluster, `run-${run}`);
      for (let i = 0; i < WARM_UP; i++) await startOne(cluster, place, `warm-${i}`);
      const times: { total: number; cri: number }[] = [];
      for (let i = 0; i < PODS; i++) times.push(await startOne(cluster, place, `p-${i}`));
      const added = times.map(({ total, cri }) => total - cri);
      sample({
        'added-p50': quantile(added, 0.5),
        'added-p99': quantile(added, 0.99),
        'cri-p50': quantile(
          times.map(({ cri }) => cri),
          0.5,
        ),
        'total-p50': quantile(
          times.map(({ total }) => total),
          0.5,
        ),
      });
      await place.clear();
    }
  },
};

async function startOne(cluster: TestCluster, place: Place, name: string) {
  const before = await runtimeMs(cluster, place.api, CRI_CALLS);
  const startMs = performance.now();
  await place.create(pausePod(name));
  const total = (await place.watch.running(name)) - startMs;
  return { total, cri: (await runtimeMs(cluster, place.api, CRI_CALLS)) - before };
}
