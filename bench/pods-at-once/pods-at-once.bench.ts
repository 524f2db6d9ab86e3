/** Twenty Pods asked for at the same moment, until the last one is Running. */
import { createApi } from '../../test/support/api.ts';
import { startCluster } from '../../test/support/cluster.ts';
import { pod } from '../../test/support/manifests.ts';
import { openSession } from '../../test/support/session.ts';
import type { Benchmark } from '../support/benchmark.ts';
import { watchPods } from '../support/watch.ts';

const PODS = 20;

export const podsAtOnce: Benchmark = {
  name: 'pods-at-once',
  text: `${PODS} Pods created at once`,
  figures: [
    {
      name: 'last',
      text: 'all are Running',
      unit: 'ms',
      goalMax: 15_000,
      others: 'kubelet 1.36 on a like machine: 3.9 s',
    },
    { name: 'first', text: 'the first is Running', unit: 'ms' },
  ],
  async measure(runs, sample) {
    const spec = { name: 'b-many', apiPort: 16463, podCidr: '10.136.0.0/16', serviceCidr: '10.137.0.0/16' };
    await using cluster = await startCluster(spec);
    using api = createApi(cluster.kubeconfig);
    for (let i = 0; i < runs; i++) {
      const s = await openSession(cluster, `run-${i}`);
      using pods = await watchPods(cluster.kubeconfig, s.ns);
      const names = Array.from({ length: PODS }, (_, index) => `p-${index}`);
      const start = performance.now();
      const running = names.map(async (name) => {
        const answer = await api.request('POST', `/api/v1/namespaces/${s.ns}/pods`, {
          body: JSON.stringify(pod(name)),
        });
        if (answer.status !== 201) throw new Error(answer.text);
        return (await pods.running(name)) - start;
      });
      const times = await Promise.all(running);
      sample({ last: Math.max(...times), first: Math.min(...times) });
      await s.k('delete pods --all --grace-period=1');
    }
  },
};
