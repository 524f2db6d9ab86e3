/** One Pod at a time, from POST to Running as a watch sees it, beside the same calls to the runtime without Kubernetes. */
import { startCluster, type TestCluster } from '../../test/support/cluster.ts';
import { createApi } from '../../test/support/api.ts';
import { pod } from '../../test/support/manifests.ts';
import { openSession } from '../../test/support/session.ts';
import { type Benchmark, median } from '../support/benchmark.ts';
import { watchPods } from '../support/watch.ts';
import { startByCri } from './cri.ts';

const PODS_EACH_RUN = 10;

export const podStart: Benchmark = {
  name: 'pod-start',
  text: `medians over ${PODS_EACH_RUN} Pods, one after the other; CRI = RunPodSandbox, CreateContainer, StartContainer`,
  figures: [
    { name: 'total', text: 'POST to Running', unit: 'ms', others: 'kubelet 1.36 on a like machine: 579 ms' },
    { name: 'cri', text: 'the CRI calls alone, same runtime', unit: 'ms' },
    { name: 'added', text: 'what Kapella adds', unit: 'ms', goalMax: 100 },
  ],
  async measure(runs, sample) {
    const spec = { name: 'b-pod', apiPort: 16462, podCidr: '10.134.0.0/16', serviceCidr: '10.135.0.0/16' };
    await using cluster = await startCluster(spec);
    await startByApi(cluster, 'warm', 2);
    for (let i = 0; i < runs; i++) {
      const total = median(await startByApi(cluster, `run-${i}`, PODS_EACH_RUN));
      const cri = median(await startByCri(cluster, PODS_EACH_RUN));
      sample({ total, cri, added: total - cri });
    }
  },
};

async function startByApi(cluster: TestCluster, prefix: string, count: number): Promise<readonly number[]> {
  const s = await openSession(cluster, prefix);
  using api = createApi(cluster.kubeconfig);
  using pods = await watchPods(cluster.kubeconfig, s.ns);
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    const body = JSON.stringify(pod(`p-${i}`));
    const answer = await api.request('POST', `/api/v1/namespaces/${s.ns}/pods`, { body });
    if (answer.status !== 201) throw new Error(answer.text);
    times.push((await pods.running(`p-${i}`)) - start);
  }
  await s.k('delete pods --all --grace-period=1');
  return times;
}
