/** Volumes that are directories of one node. */
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { ProvisionerBackend } from '@kapella/provisioner';
import { LOCAL_PATH_PROVISIONER } from './objects.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const ONE_NODE_MODES: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod']);

export interface LocalPathDisk {
  /** A directory that every user may write to; there already is fine. */
  make(path: string): Promise<void>;
  /** With all that is in it; missing is fine. */
  remove(path: string): Promise<void>;
  freeBytes(dir: string): Promise<number>;
}

export interface LocalPathOptions {
  /** Absolute; exists. Each volume is a directory in it. */
  readonly dir: string;
  /** Value of the node's hostname label. */
  readonly hostname: string;
}

export function createLocalPath({ dir, hostname }: LocalPathOptions, disk: LocalPathDisk): ProvisionerBackend {
  const matchExpressions = [{ key: HOSTNAME, operator: 'In' as const, values: [hostname] }];
  return {
    name: LOCAL_PATH_PROVISIONER,
    topologyKey: HOSTNAME,
    refusal,
    async create(name, claim) {
      const path = `${dir}/${name}`;
      await disk.make(path);
      const storage = claim.spec.resources?.requests?.['storage'];
      return {
        ...(storage !== undefined && { capacity: { storage } }),
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      };
    },
    // A path that someone has edited is nobody's to delete.
    owns: (volume) => isOn(volume, hostname) && volume.spec.local?.path === `${dir}/${volume.metadata.name}`,
    remove: ({ metadata }) => disk.remove(`${dir}/${metadata.name}`),
    freeBytes: () => disk.freeBytes(dir),
  };
}

function refusal({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec.volumeMode === 'Block') return 'a directory of the node cannot be a block device';
  const mode = (spec.accessModes ?? []).find((one) => !ONE_NODE_MODES.has(one));
  if (mode !== undefined) return `access mode ${mode} is not supported: the directory is on one node only`;
  if (spec.selector !== undefined) return 'claim.spec.selector is not supported for dynamic provisioning';
  return spec.dataSource === undefined && spec.dataSourceRef === undefined
    ? undefined
    : 'data sources are not supported';
}

function isOn({ spec }: PersistentVolume, hostname: string): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return terms.some(({ matchExpressions = [] }) =>
    matchExpressions.some(({ key, values = [] }) => key === HOSTNAME && values.includes(hostname)),
  );
}
