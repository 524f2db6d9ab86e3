/** The node agent's own HTTPS API: metrics and statistics, and who may read them. */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import type { Node } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { pod } from '../../support/manifests.ts';
import { openSession } from '../../support/session.ts';

interface Answer {
  readonly code: number;
  readonly body: string;
}

/** As Prometheus asks with `insecure_skip_verify`, so that any certificate of a node will do. */
function ask(url: string, token?: string): Promise<Answer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    call.on('error', reject).end();
  });
}

const SCRAPER = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'scraper' } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'scraper' },
    rules: [{ apiGroups: [''], resources: ['nodes/metrics', 'nodes/stats'], verbs: ['get'] }],
  },
];

export function agentApiTests(cluster: () => TestCluster): void {
  test('a token with nodes/metrics reads the metrics of a node, and nothing else of it', async () => {
    const s = await openSession(cluster(), 'scrape');
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'scraper' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'scraper' },
      subjects: [{ kind: 'ServiceAccount', name: 'scraper', namespace: s.ns }],
    };
    await s.apply(...SCRAPER, binding, pod('main'));
    await s.ready('main');
    const token = (await s.k('create token scraper')).trim();
    const [node] = (await s.api.get<{ items: Node[] }>('/api/v1/nodes')).items;
    const address = node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const base = `https://${address}:${node?.status?.daemonEndpoints?.kubeletEndpoint?.Port}`;

    assert.equal((await ask(`${base}/metrics`)).code, 401);
    const metrics = await eventually('the role counts', async () => {
      const answer = await ask(`${base}/metrics`, token);
      return answer.code === 200 && answer.body;
    });
    assert.match(metrics, /^kubelet_running_pods [1-9]/m);
    assert.match(metrics, /^kubelet_runtime_operations_total\{operation_type="run_podsandbox"\} [1-9]/m);
    assert.match(metrics, /^process_resident_memory_bytes \d+/m);
    const labels = `container="main",pod="main",namespace="${s.ns}"`;
    const workingSet = new RegExp(`^container_memory_working_set_bytes\\{${labels}\\} [1-9]`, 'm');
    await eventually('the container is measured', async () =>
      workingSet.test((await ask(`${base}/metrics/resource`, token)).body),
    );
    const cadvisor = await ask(`${base}/metrics/cadvisor`, token);
    assert.match(cadvisor.body, new RegExp(`^container_network_receive_bytes_total\\{.*namespace="${s.ns}"`, 'm'));
    const refused = await ask(`${base}/pods`, token);
    assert.equal(refused.code, 403);
    assert.match(refused.body, /user=system:serviceaccount:.*:scraper, verb=get, resource=nodes, subresource/);
  });

  test('statistics, configuration and health of a node through the API server', async () => {
    const s = await openSession(cluster(), 'stats');
    await s.apply(pod('main', { container: { resources: { limits: { memory: '64Mi' } } } }));
    const { spec } = await s.ready('main');
    const raw = (path: string) => s.k(`get --raw /api/v1/nodes/${spec.nodeName}/proxy/${path}`);
    interface Stats {
      readonly podRef: { readonly namespace: string };
      readonly containers: readonly { readonly memory?: { readonly workingSetBytes: number } }[];
      readonly memory?: { readonly workingSetBytes: number };
    }
    const own = await eventually('the Pod is measured', async () => {
      const { pods } = JSON.parse(await raw('stats/summary')) as { pods: Stats[] };
      const found = pods.find(({ podRef }) => podRef.namespace === s.ns);
      return (found?.containers[0]?.memory?.workingSetBytes ?? 0) > 0 && found;
    });
    assert.ok((own.memory?.workingSetBytes ?? 0) > 0);
    const { kubeletconfig } = JSON.parse(await raw('configz')) as { kubeletconfig: Record<string, unknown> };
    assert.deepEqual(kubeletconfig['evictionPressureTransitionPeriod'], '5m0s');
    assert.equal(await raw('healthz'), 'ok');
    assert.match(await raw('runningpods/'), new RegExp(`"namespace":"${s.ns}"`));
    assert.match(await raw('logs/'), /^<pre>/);
  });
}
