/** Volumes: what users ask for, and who provisions them, as an external provisioner beside the cluster would. */
import { coreV1, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { type Ctx, isReason, sleep } from '@kapella/base';
import { type Client, createClient } from '@kapella/client';
import { MASTER } from '@kapella/control-plane';
import { apply, metadataOf, namespaceOf, type Op, template, text } from './step-tools.ts';
import type { World } from './world.ts';

const PROVISIONER = 'sim.kapella.dev/disk';
const ASKED = 'volume.kubernetes.io/storage-provisioner';
const SELECTED = 'volume.kubernetes.io/selected-node';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
const LOOK_MS = 2_000;

export const storageOps: Readonly<Record<string, Op>> = {
  async class(step, world) {
    const volumeBindingMode = text(step['binding'], 'Immediate');
    const object = { metadata: { name: text(step['name']) }, provisioner: PROVISIONER, volumeBindingMode };
    await apply(storageV1.StorageClass, object, world);
    startProvisioner(world);
  },
  async claim(step, world) {
    const resources = { requests: { storage: '1Gi' } };
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName: text(step['class']), resources };
    await apply(coreV1.PersistentVolumeClaim, { metadata: metadataOf(step), spec }, world);
  },
  /** A Pod that holds the claim of the same name. */
  async 'claim-user'(step, world) {
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: text(step['name']) } }];
    const { metadata, spec } = template(step, { volumes });
    await apply(
      coreV1.Pod,
      { metadata: { ...metadataOf(step), ...metadata, namespace: namespaceOf(step) }, spec },
      world,
    );
  },
};

/** Provisions what claims of its classes ask for, and takes away what is released, until the world ends. */
function startProvisioner(world: World): void {
  if (started.has(world)) return;
  started.add(world);
  const client = createClient(world.network.connect('provisioner', MASTER), { userAgent: 'sim-provisioner/1' });
  const run = async () => {
    while (!world.ctx.signal.aborted) {
      await look(client, world.ctx).catch(() => {}); // the network: looked at again
      await sleep(LOOK_MS, world.ctx).catch(() => {}); // the simulation is over
    }
  };
  run().catch((error: unknown) => world.violate('no-component-fails', `provisioner: ${error}`));
}

const started = new WeakSet<World>();

async function look(client: Client, ctx: Ctx): Promise<void> {
  const { items: classes } = await client.list(storageV1.StorageClass, {}, ctx);
  const waits = new Map(classes.map(({ metadata, volumeBindingMode }) => [metadata.name, volumeBindingMode]));
  if (classes.length === 0) return;
  const { items: claims } = await client.list<PersistentVolumeClaim>(coreV1.PersistentVolumeClaim, {}, ctx);
  for (const claim of claims) if (isWanted(claim, waits)) await provision(client, claim, ctx);
  const { items: volumes } = await client.list<PersistentVolume>(coreV1.PersistentVolume, {}, ctx);
  for (const volume of volumes) {
    if (volume.status?.phase !== 'Released' || volume.metadata.annotations?.[PROVISIONED_BY] !== PROVISIONER) continue;
    await client.delete(coreV1.PersistentVolume, volume, ctx).catch(ignore('NotFound'));
  }
}

function isWanted({ metadata, spec }: PersistentVolumeClaim, waits: ReadonlyMap<string, string | undefined>): boolean {
  const { annotations = {} } = metadata;
  if (annotations[ASKED] !== PROVISIONER || spec.volumeName || metadata.deletionTimestamp !== undefined) return false;
  return waits.get(spec.storageClassName ?? '') !== 'WaitForFirstConsumer' || annotations[SELECTED] !== undefined;
}

/** The name says whose it is: a second try of the same makes no second volume. */
async function provision(client: Client, claim: PersistentVolumeClaim, ctx: Ctx): Promise<void> {
  const { name, namespace, uid, annotations } = claim.metadata;
  const node = annotations?.[SELECTED];
  const terms = [
    { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: [node ?? ''] }] },
  ];
  const volume = {
    metadata: { name: `pvc-${uid}`, annotations: { [PROVISIONED_BY]: PROVISIONER } },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce' as const],
      persistentVolumeReclaimPolicy: 'Delete' as const,
      ...(claim.spec.storageClassName !== undefined && { storageClassName: claim.spec.storageClassName }),
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        name,
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
      },
      hostPath: { path: `/disks/${uid}`, type: '' as const },
      ...(node !== undefined && { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
    },
  };
  await client.create(coreV1.PersistentVolume, volume, ctx).catch(ignore('AlreadyExists'));
}

const ignore = (reason: 'NotFound' | 'AlreadyExists') => (error: unknown) => {
  if (!isReason(error, reason)) throw error;
};
