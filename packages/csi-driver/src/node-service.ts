/** Brings images to Pods: loop device, file system, mounts. Source: CSI specification, Node Service RPC. */
import { CsiError, createLocks } from '@kapella/csi';
import { FS_TYPE_DEFAULT, type ImageRecord, type ImageStore, TOPOLOGY_KEY } from './images.ts';
import { type Capability, checkCapability, invalid, required } from './requests.ts';

const CAPABILITIES = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'VOLUME_CONDITION',
  'EXPAND_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
] as const;

const SINGLE_WRITER = 'SINGLE_NODE_SINGLE_WRITER';

/** What the driver needs of its machine. All calls are idempotent. */
export interface NodeHost {
  /** The loop device of a file; undefined = none. */
  loopOf(image: string): Promise<string | undefined>;
  attachLoop(image: string): Promise<string>;
  detachLoop(device: string): Promise<void>;
  /** Tells the device that its file has grown. */
  refreshLoop(device: string): Promise<void>;
  /** Opens the device with LUKS, which is put on it where it is empty. Answers the plain device. Throws CsiError. */
  openEncrypted(device: string, name: string, passphrase: string): Promise<string>;
  closeEncrypted(name: string): Promise<void>;
  /** Tells an open one that its device has grown. */
  growEncrypted(name: string, passphrase: string): Promise<void>;
  /** '' = nothing is on it. */
  fsTypeOf(device: string): Promise<string>;
  makeFs(device: string, fsType: string): Promise<void>;
  mount(device: string, path: string, fsType: string, options: readonly string[]): Promise<void>;
  /** Makes the target: a directory, or a file where the source is a device. */
  bind(source: string, target: string, isReadOnly: boolean, isDevice: boolean): Promise<void>;
  isMounted(path: string): Promise<boolean>;
  /** Where the device, or what is on it, is mounted. */
  mountPointsOf(device: string): Promise<readonly string[]>;
  unmount(path: string): Promise<void>;
  /** Unmounts and takes away what was made for the mount. */
  removeTarget(path: string): Promise<void>;
  /** Whatever file system is mounted there. */
  growFs(path: string, device: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  usage(path: string): Promise<{ readonly bytes: Usage; readonly inodes: Usage }>;
}

export interface Usage {
  readonly total: number;
  readonly used: number;
  readonly available: number;
}

export interface NodeServiceDeps {
  readonly nodeId: string;
  readonly store: ImageStore;
  readonly host: NodeHost;
  readonly volumesMax: number;
}

interface StageRequest {
  readonly volumeId: string;
  readonly stagingTargetPath: string;
  readonly volumeCapability?: Capability | null;
  readonly secrets?: Readonly<Record<string, string>>;
}

interface PublishRequest extends StageRequest {
  readonly targetPath: string;
  readonly readonly: boolean;
}

interface ExpandRequest extends StageRequest {
  readonly volumePath: string;
}

/** Throws CsiError. */
export function createNodeService(deps: NodeServiceDeps) {
  const { host, nodeId, volumesMax } = deps;
  const locks = createLocks();
  const volume = (id: string) => existing(deps.store, id);
  return {
    nodeGetInfo: () => ({
      nodeId,
      maxVolumesPerNode: volumesMax,
      accessibleTopology: { segments: { [TOPOLOGY_KEY]: nodeId } },
    }),
    nodeGetCapabilities: () => ({ capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })) }),
    async nodeStageVolume(request: StageRequest) {
      const id = required(request.volumeId, 'volume id');
      required(request.stagingTargetPath, 'staging target path');
      const capability = checkCapability(request.volumeCapability);
      return await locks.run(id, async () => {
        await stage(await volume(id), request, capability, deps);
        return {};
      });
    },
    async nodeUnstageVolume({ volumeId, stagingTargetPath }: { volumeId: string; stagingTargetPath: string }) {
      const id = required(volumeId, 'volume id');
      const path = required(stagingTargetPath, 'staging target path');
      return await locks.run(id, async () => {
        await host.unmount(path);
        const record = await deps.store.get('volume', id);
        if (record?.encrypted === true) await host.closeEncrypted(id);
        const device = record && (await host.loopOf(deps.store.pathOf(record)));
        if (device !== undefined) await host.detachLoop(device);
        return {};
      });
    },
    async nodePublishVolume(request: PublishRequest) {
      const id = required(request.volumeId, 'volume id');
      required(request.targetPath, 'target path');
      const capability = checkCapability(request.volumeCapability);
      const staging = request.stagingTargetPath;
      if (!staging)
        throw new CsiError('FailedPrecondition', 'staging target path is missing: the volume must be staged');
      return await locks.run(id, async () => publish(await volume(id), request, capability, deps));
    },
    async nodeUnpublishVolume({ volumeId, targetPath }: { volumeId: string; targetPath: string }) {
      const id = required(volumeId, 'volume id');
      const path = required(targetPath, 'target path');
      return await locks.run(id, async () => {
        await host.removeTarget(path);
        return {};
      });
    },
    async nodeGetVolumeStats({ volumeId, volumePath }: { volumeId: string; volumePath: string }) {
      const id = required(volumeId, 'volume id');
      const path = required(volumePath, 'volume path');
      const record = await volume(id);
      if (!(await host.exists(path))) throw new CsiError('NotFound', `there is nothing at ${path}`);
      return await statsOf(record, path, deps);
    },
    async nodeExpandVolume(request: ExpandRequest) {
      const id = required(request.volumeId, 'volume id');
      const path = required(request.volumePath, 'volume path');
      return await locks.run(id, async () => expand(await volume(id), path, request, deps));
    },
  };
}

async function publish(record: ImageRecord, request: PublishRequest, capability: Capability, deps: NodeServiceDeps) {
  const { host } = deps;
  const { stagingTargetPath: staging, targetPath } = request;
  const isDevice = !capability.mount;
  if (!isDevice && !(await host.isMounted(staging))) {
    throw new CsiError('FailedPrecondition', `volume ${record.id} is not staged at ${staging}`);
  }
  const device = await deviceOf(record, deps);
  if (capability.accessMode?.mode === SINGLE_WRITER) await refuseSecond(device, [staging, targetPath], host);
  await host.bind(isDevice ? device : staging, targetPath, request.readonly, isDevice);
  return {};
}

async function expand(record: ImageRecord, path: string, request: ExpandRequest, deps: NodeServiceDeps) {
  const { host, store } = deps;
  if (!(await host.exists(path))) throw new CsiError('NotFound', `there is nothing at ${path}`);
  const device = await deviceOf(record, deps);
  const loop = await host.loopOf(store.pathOf(record));
  if (loop !== undefined) await host.refreshLoop(loop);
  if (record.encrypted) await host.growEncrypted(record.id, passphraseOf(request.secrets));
  if (!request.volumeCapability?.block) await host.growFs(path, device);
  return { capacityBytes: record.sizeBytes };
}

/** One Pod at a time. */
async function refuseSecond(device: string, own: readonly string[], host: NodeHost): Promise<void> {
  const other = (await host.mountPointsOf(device)).find((point) => !own.includes(point));
  if (other === undefined) return;
  throw new CsiError('FailedPrecondition', `the volume has one writer only, and is published at ${other} already`);
}

const mapped = (id: string) => `/dev/mapper/${id}`;

async function stage(record: ImageRecord, request: StageRequest, capability: Capability, deps: NodeServiceDeps) {
  const { host, store } = deps;
  const { stagingTargetPath: path, secrets } = request;
  if (await host.isMounted(path)) return;
  const image = store.pathOf(record);
  const present = await host.loopOf(image);
  const loop = present ?? (await host.attachLoop(image));
  try {
    const device = record.encrypted ? await host.openEncrypted(loop, record.id, passphraseOf(secrets)) : loop;
    if (capability.mount) await mountDevice(device, path, capability.mount, host);
  } catch (error) {
    // Who is told that it failed does not call to have it undone.
    if (record.encrypted) await host.closeEncrypted(record.id).catch(() => {});
    if (present === undefined) await host.detachLoop(loop).catch(() => {});
    throw error;
  }
}

async function mountDevice(device: string, path: string, mount: NonNullable<Capability['mount']>, host: NodeHost) {
  const wanted = mount.fsType || FS_TYPE_DEFAULT;
  const present = await host.fsTypeOf(device);
  if (present === '') await host.makeFs(device, wanted);
  const fsType = present || wanted;
  // A copy has the UUID of what it was copied from, and both may be mounted here.
  const options = [...mount.mountFlags, ...(fsType === 'xfs' ? ['nouuid'] : [])];
  await host.mount(device, path, fsType, options);
  // A copy may be larger than what it was copied from.
  if (present !== '') await host.growFs(path, device);
}

function passphraseOf(secrets: Readonly<Record<string, string>> | undefined): string {
  const { passphrase } = secrets ?? {};
  if (!passphrase) throw invalid('an encrypted volume needs a node stage secret with the key "passphrase"');
  return passphrase;
}

async function deviceOf(record: ImageRecord, { host, store }: NodeServiceDeps): Promise<string> {
  const loop = await host.loopOf(store.pathOf(record));
  if (loop === undefined) throw new CsiError('FailedPrecondition', `volume ${record.id} is not staged on this node`);
  return record.encrypted ? mapped(record.id) : loop;
}

async function existing(store: ImageStore, id: string): Promise<ImageRecord> {
  const found = await store.get('volume', id);
  if (found === undefined) throw new CsiError('NotFound', `volume ${id} is not on this node`);
  return found;
}

async function statsOf(record: ImageRecord, path: string, { host, store }: NodeServiceDeps) {
  const isThere = await host.exists(store.pathOf(record));
  const message = isThere ? 'the image is there' : 'the image file is gone';
  const volumeCondition = { abnormal: !isThere, message };
  if (!(await host.isMounted(path))) {
    return { usage: [{ unit: 'BYTES', total: record.sizeBytes, used: 0, available: 0 }], volumeCondition };
  }
  const { bytes, inodes } = await host.usage(path);
  return {
    usage: [
      { unit: 'BYTES', ...bytes },
      { unit: 'INODES', ...inodes },
    ],
    volumeCondition,
  };
}
