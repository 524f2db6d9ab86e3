/** How long after its creation a custom resource can be used, on a server that is otherwise quiet. */
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { type Client, createClient } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
import type { Ctx } from '@kapella/base';
import { startControlPlane } from '../../test/upstream/support/control-plane.ts';
import type { Benchmark } from '../support/benchmark.ts';

const DEFINITIONS = 50;
const GROUP = 'bench.example.com';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export const crd: Benchmark = {
  name: 'crd',
  text: `${DEFINITIONS} CustomResourceDefinitions one after the other: from the request that creates one to the first object`,
  figures: [
    { name: 'available-p50', text: 'available, median', unit: 'ms', goalMax: 100 },
    { name: 'available-p99', text: 'available, slowest of 50', unit: 'ms', goalMax: 100 },
    { name: 'established-p99', text: 'condition Established, slowest of 50', unit: 'ms' },
  ],
  async measure(runs, sample) {
    await using server = await startControlPlane({ hollowNodes: 0 });
    const stop = new AbortController();
    const ctx = hostCtx(stop.signal, silentLogger);
    const { transport } = await loadKubeconfig(server.kubeconfig);
    const https = createHttpsTransport(transport);
    const client = createClient(https, { userAgent: 'bench' });
    await measureOne(client, 'warm-0', ctx);
    for (let run = 0; run < runs; run++) {
      const available: number[] = [];
      const established: number[] = [];
      for (let i = 0; i < DEFINITIONS; i++) {
        const times = await measureOne(client, `r${run}x${i}`, ctx);
        available.push(times.availableMs);
        established.push(times.establishedMs);
      }
      const sorted = available.toSorted((a, b) => a - b);
      sample({
        'available-p50': sorted[DEFINITIONS / 2] ?? 0,
        'available-p99': sorted.at(-1) ?? 0,
        'established-p99': Math.max(...established),
      });
    }
    stop.abort();
    await https.close();
  },
};

async function measureOne(client: Client, plural: string, ctx: Ctx) {
  const name = `${plural}.${GROUP}`;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  const spec = { group: GROUP, scope: 'Cluster', names: { plural, kind: `K${plural}` }, versions };
  const kind = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };
  const from = performance.now();
  await client.request('POST', CRDS, { body: { ...kind, metadata: { name }, spec } }, ctx);
  const path = `/apis/${GROUP}/v1/${plural}`;
  const body = { apiVersion: `${GROUP}/v1`, kind: `K${plural}`, metadata: { name: 'first' } };
  await untilDone(() => client.request('POST', path, { body }, ctx));
  const availableMs = performance.now() - from;
  await untilDone(async () => {
    const { status } = await client.request<Definition>('GET', `${CRDS}/${name}`, {}, ctx);
    const isEstablished = status?.conditions?.some((each) => each.type === 'Established' && each.status === 'True');
    if (isEstablished !== true) throw new Error('not established yet');
  });
  return { availableMs, establishedMs: performance.now() - from };
}

interface Definition {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Asks again at once, as long as it is refused. */
async function untilDone(ask: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
