/** Pods that cost nothing themselves, so that what is measured is the agent, and the histograms that the agent keeps. */
import { PAUSE_IMAGE } from '@kapella/distro/host';
import { type Api, createApi } from '../../test/support/api.ts';
import { startCluster, type TestCluster } from '../../test/support/cluster.ts';
import { openSession } from '../../test/support/session.ts';
import { type PodWatch, watchPods } from '../support/watch.ts';

type Json = Record<string, unknown>;

/** Each row has a cluster and networks of its own: `slot` tells them apart. */
export const agentCluster = (slot: number, name: string): Promise<TestCluster> =>
  startCluster({
    name,
    apiPort: 16_480 + slot,
    podCidr: `10.${140 + slot}.0.0/16`,
    serviceCidr: `10.${150 + slot}.0.0/16`,
  });

export const pausePod = (name: string, spec: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'main', image: PAUSE_IMAGE }], terminationGracePeriodSeconds: 1, ...spec },
});

export interface Place extends Disposable {
  readonly ns: string;
  readonly api: Api;
  readonly watch: PodWatch;
  /** Resolves with the moment when the API server had taken it. */
  create(pod: Json): Promise<number>;
  /** Resolves when nothing of the Pods is left in the API. */
  clear(): Promise<void>;
}

export async function openPlace(cluster: TestCluster, prefix: string): Promise<Place> {
  const { ns, k } = await openSession(cluster, prefix);
  const api = createApi(cluster.kubeconfig);
  const watch = await watchPods(cluster.kubeconfig, ns);
  return {
    ...{ ns, api, watch },
    async create(pod) {
      const answer = await api.request('POST', `/api/v1/namespaces/${ns}/pods`, { body: JSON.stringify(pod) });
      if (answer.status !== 201) throw new Error(answer.text);
      return performance.now();
    },
    clear: async () => {
      await k('delete pods --all --wait --timeout=300s', { timeoutMs: 310_000 });
    },
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      api[Symbol.dispose]();
    },
  };
}

/** Milliseconds that the agent has waited so far for `operations` of the runtime. */
export async function runtimeMs({ name }: TestCluster, api: Api, operations: readonly string[]): Promise<number> {
  const answer = await api.request('GET', `/api/v1/nodes/${name}/proxy/metrics`);
  if (answer.status !== 200) throw new Error(`the agent's metrics: ${answer.status} ${answer.text}`);
  const seconds = operations.map((operation) => {
    const series = `kubelet_runtime_operations_duration_seconds_sum{operation_type="${operation}"} `;
    const line = answer.text.split('\n').find((text) => text.startsWith(series));
    return line === undefined ? 0 : Number(line.slice(series.length));
  });
  return seconds.reduce((sum, value) => sum + value, 0) * 1000;
}

/** `share` 0.99: the value that 99 of 100 do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
  if (found === undefined) throw new Error('no value was measured');
  return found;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
