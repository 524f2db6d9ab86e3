/**
 * Upstream's external-provisioner, external-attacher and external-resizer on a real node, around a CSI driver that knows
 * nothing of Kubernetes: what drivers of others consist of. Needs root.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Node } from '@kapella/api/types/core-v1';
import type { VolumeAttachment } from '@kapella/api/types/storage-v1';
import { eventually, startCluster, type TestCluster } from '../../support/cluster.ts';
import { startLoopDriver } from '../../support/csi.ts';
import { pod } from '../../support/manifests.ts';
import { type Case, runCases } from '../support/cases.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import { upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';

const CLUSTER = { name: 'csi-side', apiPort: 26_473, podCidr: '10.146.0.0/16', serviceCidr: '10.147.0.0/16' };
const DRIVER = 'loop.csi.kapella.io';
const WAIT_MS_MAX = 120_000;

/** `only`: a regular expression that narrows the cases; each builds on those before it. */
export const csiSidecars: UpstreamSuite = {
  name: 'csi-sidecars',
  text: 'external-provisioner 6.4, external-attacher 4.13 and external-resizer 2.3 with a CSI driver on a real node',
  async run({ only, results }) {
    const [provisioner, attacher, resizer] = [
      await upstreamProgram('csi-provisioner'),
      await upstreamProgram('csi-attacher'),
      await upstreamProgram('csi-resizer'),
    ];
    mkdirSync(results, { recursive: true });
    await using cluster = await startCluster(CLUSTER);
    await using driver = await startLoopDriver(cluster, { companion: false });
    await cluster.apply([csiDriver, storageClass]);
    const common = [`--csi-address=${driver.socket}`, `--kubeconfig=${cluster.kubeconfig}`, '--v=4'];
    const env = { NODE_NAME: cluster.name };
    const capacity = [
      '--node-deployment',
      '--enable-capacity',
      '--capacity-ownerref-level=-1',
      '--extra-create-metadata',
    ];
    const names = { NAMESPACE: 'kube-system', POD_NAME: 'none' };
    const start = (name: string, program: string, args: readonly string[], more = {}) =>
      startProcess(results, { name, program, args: [...common, ...args], env: { ...env, ...more } });
    await using one = start('csi-provisioner', provisioner, capacity, names);
    await using two = start('csi-attacher', attacher, []);
    await using three = start('csi-resizer', resizer, []);
    const context = { cluster, processes: [one, two, three], images: () => driver.images() };
    return await runCases(CASES, context, only);
  },
};

interface Context {
  readonly cluster: TestCluster;
  readonly processes: readonly BackgroundProcess[];
  images(): readonly string[];
}

const csiDriver = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: DRIVER },
  spec: { attachRequired: true, podInfoOnMount: true, fsGroupPolicy: 'File', storageCapacity: true },
};

const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'foreign' },
  provisioner: DRIVER,
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'default' },
  spec: { storageClassName: 'foreign', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

const user = pod('user', {
  namespace: 'default',
  container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
  spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
});

/** Waits for what kubectl prints, and looks after the sidecars meanwhile. */
async function until({ cluster, processes }: Context, what: string, args: string, isThere: (text: string) => boolean) {
  await eventually(
    what,
    async () => {
      for (const process of processes) await process.check();
      return isThere(await cluster.kubectl(args));
    },
    WAIT_MS_MAX,
  );
}

async function readList<T>({ cluster }: Context, what: string): Promise<readonly T[]> {
  return (JSON.parse(await cluster.kubectl(`get ${what} -o json`)) as { items: T[] }).items;
}

const CASES: readonly Case<Context>[] = [
  {
    name: 'the driver registers, its capacity is published',
    async run(context) {
      await until(
        context,
        'the driver is registered',
        'get csinodes -o jsonpath={.items[*].spec.drivers[*].name}',
        (text) => text.includes(DRIVER),
      );
      await until(
        context,
        'a capacity',
        'get csistoragecapacities -n kube-system -o jsonpath={.items[*].storageClassName}',
        (text) => text.includes('foreign'),
      );
    },
  },
  {
    name: 'a claim is provisioned for the node of its Pod, attached and mounted',
    async run(context) {
      await context.cluster.apply([claim, user]);
      await context.cluster.kubectl('wait pod user --for=condition=Ready --timeout=120s');
      const [attachment] = await readList<VolumeAttachment>(context, 'volumeattachments');
      assert.equal(attachment?.status?.attached, true);
      // The driver has nothing to attach: the attacher says that it is, without a finalizer of its own.
      assert.deepEqual(attachment.metadata.finalizers ?? [], []);
      const [node] = await readList<Node>(context, 'nodes');
      const [name = ''] = node?.status?.volumesInUse ?? [];
      assert.match(name, /^kubernetes\.io\/csi\/loop\.csi\.kapella\.io\^vol-/);
      assert.deepEqual(node?.status?.volumesAttached, [{ name, devicePath: '' }]);
      await context.cluster.kubectl('exec user -- sh -c "echo kept > /v/file"');
    },
  },
  {
    name: 'it grows while it is mounted',
    async run(context) {
      const patch = JSON.stringify({ spec: { resources: { requests: { storage: '2Gi' } } } });
      await context.cluster.kubectl(`patch pvc data -p '${patch}'`);
      await until(
        context,
        'the claim has grown',
        'get pvc data -o jsonpath={.status.capacity.storage}',
        (text) => text === '2Gi',
      );
      assert.equal(await context.cluster.kubectl('get pvc data -o jsonpath={.status.conditions}'), '');
      assert.match(await context.cluster.kubectl('exec user -- df -h /v'), /1\.9G/);
    },
  },
  {
    name: 'a second Pod after the first sees what it wrote',
    async run(context) {
      await context.cluster.kubectl('delete pod user');
      await until(context, 'detached', 'get volumeattachments -o name', (text) => text === '');
      await context.cluster.apply(user);
      await context.cluster.kubectl('wait pod user --for=condition=Ready --timeout=120s');
      assert.equal(await context.cluster.kubectl('exec user -- cat /v/file'), 'kept\n');
    },
  },
  {
    name: 'all of it goes with the claim',
    async run(context) {
      await context.cluster.kubectl('delete pod user');
      await context.cluster.kubectl('delete pvc data');
      await until(context, 'the volume is gone', 'get pv -o name', (text) => text === '');
      assert.deepEqual(context.images(), []);
      const [node] = await readList<Node>(context, 'nodes');
      assert.deepEqual([node?.status?.volumesInUse ?? [], node?.status?.volumesAttached ?? []], [[], []]);
    },
  },
];
