/** Volumes of the driver for claims. Source: kubernetes-csi/external-provisioner. */
import { coreV1, quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import type { Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { ProvisionerBackend } from '@kapella/provisioner';
import type { ControllerService } from '../controller-service.ts';
import { DRIVER_NAME, FS_TYPE_DEFAULT, sizeText, TOPOLOGY_KEY } from '../images.ts';
import { GROUP, Snapshot, SnapshotContent } from './snapshot-kinds.ts';

const PREFIX = 'csi.storage.k8s.io/';
const ONE_NODE_MODES: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod']);

export interface BackendDeps {
  readonly nodeId: string;
  readonly controller: ControllerService;
  readonly client: Client;
  freeBytes(): Promise<number>;
}

export function createBackend({ nodeId, controller, client, freeBytes }: BackendDeps): ProvisionerBackend {
  const matchExpressions = [{ key: TOPOLOGY_KEY, operator: 'In' as const, values: [nodeId] }];
  return {
    name: DRIVER_NAME,
    topologyKey: TOPOLOGY_KEY,
    refusal,
    async create(name, claim, storageClass, ctx) {
      const { parameters = {} } = storageClass;
      const isBlock = claim.spec.volumeMode === 'Block';
      const fsType = parameters[`${PREFIX}fstype`] ?? FS_TYPE_DEFAULT;
      const capability = { ...(isBlock ? { block: {} } : { mount: { fsType, mountFlags: [] } }), accessMode };
      const own = Object.fromEntries(Object.entries(parameters).filter(([key]) => !key.startsWith(PREFIX)));
      const { volume } = await controller.createVolume({
        name,
        capacityRange: { requiredBytes: String(wantedBytes(claim)), limitBytes: '0' },
        volumeCapabilities: [capability],
        parameters: own,
        volumeContentSource: await sourceOf(claim, client, ctx),
      });
      const nodeStageSecretRef = secretOf(storageClass, 'node-stage-secret', name, claim);
      return {
        capacity: { storage: sizeText(volume.capacityBytes) },
        csi: {
          driver: DRIVER_NAME,
          volumeHandle: volume.volumeId,
          volumeAttributes: volume.volumeContext,
          ...(!isBlock && { fsType }),
          ...(nodeStageSecretRef && { nodeStageSecretRef, nodeExpandSecretRef: nodeStageSecretRef }),
        },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      };
    },
    owns: (volume) => isOn(volume, nodeId),
    async remove({ spec }) {
      await controller.deleteVolume({ volumeId: spec.csi?.volumeHandle ?? '' });
    },
    freeBytes,
  };
}

const accessMode = { mode: 'SINGLE_NODE_WRITER' };

export const wantedBytes = ({ spec }: PersistentVolumeClaim): number =>
  quantityValue(spec.resources?.requests?.['storage'] ?? '0');

function refusal({ spec }: PersistentVolumeClaim): string | undefined {
  const mode = (spec.accessModes ?? []).find((one) => !ONE_NODE_MODES.has(one));
  if (mode !== undefined) return `access mode ${mode} is not supported: the volume is on one node only`;
  return spec.selector === undefined ? undefined : 'claim.spec.selector is not supported for dynamic provisioning';
}

/** A volume of the driver on the node. */
export function isOn({ spec }: PersistentVolume, nodeId: string): boolean {
  if (spec.csi?.driver !== DRIVER_NAME) return false;
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return terms.some(({ matchExpressions = [] }) =>
    matchExpressions.some(({ key, values = [] }) => key === TOPOLOGY_KEY && values.includes(nodeId)),
  );
}

async function sourceOf({ metadata, spec }: PersistentVolumeClaim, client: Client, ctx: Ctx) {
  const source = spec.dataSourceRef ?? spec.dataSource;
  if (source === undefined) return null;
  const { namespace = '' } = metadata;
  if (source.kind === 'PersistentVolumeClaim' && !source.apiGroup) {
    const claim = await client.get(coreV1.PersistentVolumeClaim, { namespace, name: source.name }, ctx);
    const volume = await client.get(coreV1.PersistentVolume, { name: claim?.spec.volumeName ?? '-' }, ctx);
    const volumeId = volume?.spec.csi?.volumeHandle;
    if (volumeId === undefined) throw new Error(`claim ${source.name} to be copied is not bound`);
    return { volume: { volumeId } };
  }
  if (source.kind !== 'VolumeSnapshot' || source.apiGroup !== GROUP) {
    throw new Error(`data source of kind ${source.kind} is not supported`);
  }
  const snapshot = await client.get(Snapshot, { namespace, name: source.name }, ctx);
  const name = snapshot?.status?.boundVolumeSnapshotContentName;
  const content = name === undefined ? undefined : await client.get(SnapshotContent, { name }, ctx);
  const snapshotId = content?.status?.snapshotHandle;
  if (snapshotId === undefined || snapshot?.status?.readyToUse !== true) {
    throw new Error(`snapshot ${source.name} is not ready to use`);
  }
  return { snapshot: { snapshotId } };
}

/** Parameters `csi.storage.k8s.io/<what>-name` and `-namespace`, with the templates of the external provisioner. */
function secretOf({ parameters = {} }: StorageClass, what: string, volumeName: string, claim: PersistentVolumeClaim) {
  const words = new Map([
    ['pv.name', volumeName],
    ['pvc.name', claim.metadata.name],
    ['pvc.namespace', claim.metadata.namespace ?? ''],
  ]);
  const fill = (text: string) => text.replace(/\$\{([a-z.]+)\}/g, (whole, word: string) => words.get(word) ?? whole);
  const name = parameters[`${PREFIX}${what}-name`];
  const namespace = parameters[`${PREFIX}${what}-namespace`];
  return name === undefined || namespace === undefined ? undefined : { name: fill(name), namespace: fill(namespace) };
}
