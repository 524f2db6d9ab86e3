/** Makes, copies, grows and deletes images. Source: CSI specification, Controller Service RPC. */
import { CsiError, createLocks } from '@kapella/csi';
import type { Clock } from '@kapella/base';
import { type ImageKind, type ImageRecord, type ImageStore, imageId, TOPOLOGY_KEY } from './images.ts';
import {
  type CapacityRange,
  type Capability,
  checkCapability,
  invalid,
  problemOf,
  required,
  sizeOf,
} from './requests.ts';

const CAPABILITIES = [
  'CREATE_DELETE_VOLUME',
  'LIST_VOLUMES',
  'GET_CAPACITY',
  'CREATE_DELETE_SNAPSHOT',
  'LIST_SNAPSHOTS',
  'CLONE_VOLUME',
  'EXPAND_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
] as const;
const PARAMETERS: ReadonlySet<string> = new Set(['encryption']);
const NAME_BYTES_MAX = 128;

export interface ControllerDeps {
  readonly nodeId: string;
  readonly store: ImageStore;
  readonly clock: Clock;
  /** Whether a node has the volume staged. */
  isInUse(volume: ImageRecord): Promise<boolean>;
  /** Runs `copy` while nothing is written to the volume, wherever it is mounted. */
  quiesced(volume: ImageRecord, copy: () => Promise<void>): Promise<void>;
}

export interface CreateVolumeRequest {
  readonly name: string;
  readonly capacityRange?: CapacityRange | null;
  readonly volumeCapabilities?: readonly Capability[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly volumeContentSource?: {
    readonly snapshot?: { readonly snapshotId: string } | null;
    readonly volume?: { readonly volumeId: string } | null;
  } | null;
}

interface ListRequest {
  readonly maxEntries?: number;
  readonly startingToken?: string;
}

/** Throws CsiError. */
export function createControllerService(deps: ControllerDeps) {
  const { store, nodeId } = deps;
  const locks = createLocks();
  const topology = [{ segments: { [TOPOLOGY_KEY]: nodeId } }];
  const volumeAnswer = (volume: ImageRecord) => ({
    volumeId: volume.id,
    capacityBytes: volume.sizeBytes,
    volumeContext: contextOf(volume),
    accessibleTopology: topology,
    ...(volume.sourceId !== '' && { contentSource: sourceAnswer(volume.sourceId) }),
  });
  return {
    controllerGetCapabilities: () => ({ capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })) }),
    async createVolume(request: CreateVolumeRequest) {
      const id = imageId('volume', checkName(request.name));
      return await locks.run(id, async () => ({ volume: volumeAnswer(await createVolume(id, request, deps)) }));
    },
    async deleteVolume({ volumeId }: { volumeId: string }) {
      const id = required(volumeId, 'volume id');
      return await locks.run(id, async () => {
        const volume = await store.get('volume', id);
        if (volume === undefined) return {};
        if (await deps.isInUse(volume)) throw new CsiError('FailedPrecondition', `volume ${id} is in use`);
        await store.remove('volume', id);
        return {};
      });
    },
    async validateVolumeCapabilities(request: { volumeId: string; volumeCapabilities?: readonly Capability[] }) {
      const id = required(request.volumeId, 'volume id');
      const volumeCapabilities = request.volumeCapabilities ?? [];
      if (volumeCapabilities.length === 0) throw invalid('volume capabilities are missing');
      await existing(store, 'volume', id);
      const message = volumeCapabilities.map(problemOf).find((problem) => problem !== undefined);
      return message === undefined ? { confirmed: { volumeCapabilities } } : { message };
    },
    async listVolumes(request: ListRequest) {
      const { page, nextToken } = paged(await store.list('volume'), request);
      return { entries: page.map((volume) => ({ volume: volumeAnswer(volume), status: {} })), nextToken };
    },
    getCapacity: async () => ({ availableCapacity: await store.freeBytes() }),
    async createSnapshot({ name, sourceVolumeId }: { name: string; sourceVolumeId: string }) {
      const id = imageId('snapshot', checkName(name));
      const volumeId = required(sourceVolumeId, 'source volume id');
      return await locks.run(id, async () => ({
        snapshot: snapshotAnswer(await createSnapshot(id, name, volumeId, deps)),
      }));
    },
    async deleteSnapshot({ snapshotId }: { snapshotId: string }) {
      await store.remove('snapshot', required(snapshotId, 'snapshot id'));
      return {};
    },
    async listSnapshots(request: ListRequest & { snapshotId?: string; sourceVolumeId?: string }) {
      const all = (await store.list('snapshot')).filter(
        ({ id, sourceId }) =>
          (!request.snapshotId || id === request.snapshotId) &&
          (!request.sourceVolumeId || sourceId === request.sourceVolumeId),
      );
      const { page, nextToken } = paged(all, request);
      return { entries: page.map((snapshot) => ({ snapshot: snapshotAnswer(snapshot) })), nextToken };
    },
    async controllerExpandVolume(request: { volumeId: string; capacityRange?: CapacityRange | null }) {
      const id = required(request.volumeId, 'volume id');
      if (!request.capacityRange) throw invalid('capacity range is missing');
      const { capacityRange } = request;
      return await locks.run(id, async () => {
        const volume = await existing(store, 'volume', id);
        const size = sizeOf(capacityRange, volume.sizeBytes);
        const grown = size > volume.sizeBytes ? await growTo(volume, size, deps) : volume;
        return { capacityBytes: grown.sizeBytes, nodeExpansionRequired: true };
      });
    },
  };
}

export type ControllerService = ReturnType<typeof createControllerService>;

const contextOf = ({ encrypted }: ImageRecord): Readonly<Record<string, string>> =>
  encrypted ? { encryption: 'luks' } : {};

function checkName(name: string): string {
  required(name, 'name');
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX)
    throw invalid(`name is longer than ${NAME_BYTES_MAX} bytes`);
  return name;
}

async function createVolume(id: string, request: CreateVolumeRequest, deps: ControllerDeps): Promise<ImageRecord> {
  const { store } = deps;
  const capabilities = request.volumeCapabilities ?? [];
  if (capabilities.length === 0) throw invalid('volume capabilities are missing');
  for (const one of capabilities) checkCapability(one);
  const encrypted = encryptionOf(request.parameters ?? {});
  const from = await sourceOf(request, store);
  const present = await store.get('volume', id);
  if (present !== undefined) return checkSame(present, request, from?.id ?? '');
  // An encrypted copy is readable with the key of what it was copied from.
  if (from !== undefined && from.encrypted !== encrypted) throw invalid('source and volume differ in their encryption');
  const sizeBytes = sizeOf(request.capacityRange, from?.sizeBytes ?? 0);
  await checkRoom(from === undefined ? 0 : from.sizeBytes, deps);
  const record: ImageRecord = {
    ...{ kind: 'volume', id, name: request.name, sizeBytes, encrypted },
    ...{ createdAtMs: deps.clock.nowMs(), sourceId: from?.id ?? '' },
  };
  if (from?.kind === 'volume') await deps.quiesced(from, () => store.create(record, from));
  else await store.create(record, from);
  return record;
}

/** Storage class parameters: `encryption: luks`. Others are refused: a typing error must not go unnoticed. */
function encryptionOf(parameters: Readonly<Record<string, string>>): boolean {
  const unknown = Object.keys(parameters).find(
    (name) => !PARAMETERS.has(name) && !name.startsWith('csi.storage.k8s.io/'),
  );
  if (unknown !== undefined) throw invalid(`parameter ${unknown} is unknown; known: ${[...PARAMETERS].join(', ')}`);
  const { encryption = 'none' } = parameters;
  if (encryption !== 'none' && encryption !== 'luks')
    throw invalid(`encryption ${encryption} is neither luks nor none`);
  return encryption === 'luks';
}

async function sourceOf(request: CreateVolumeRequest, store: ImageStore): Promise<ImageRecord | undefined> {
  const { snapshot, volume } = request.volumeContentSource ?? {};
  if (snapshot) return await existing(store, 'snapshot', required(snapshot.snapshotId, 'snapshot id'));
  if (volume) return await existing(store, 'volume', required(volume.volumeId, 'source volume id'));
  return undefined;
}

function checkSame(present: ImageRecord, { capacityRange }: CreateVolumeRequest, sourceId: string): ImageRecord {
  const required = Number(capacityRange?.requiredBytes ?? 0);
  const limit = Number(capacityRange?.limitBytes ?? 0);
  const fits = present.sizeBytes >= required && (limit === 0 || present.sizeBytes <= limit);
  const isExact = required === 0 || present.sizeBytes === sizeOf(capacityRange, 0) || sourceId !== '';
  if (!fits || !isExact || present.sourceId !== sourceId) {
    throw new CsiError('AlreadyExists', `volume ${present.name} exists with another size or source`);
  }
  return present;
}

async function createSnapshot(id: string, name: string, volumeId: string, deps: ControllerDeps): Promise<ImageRecord> {
  const { store } = deps;
  const present = await store.get('snapshot', id);
  if (present !== undefined) {
    if (present.sourceId === volumeId) return present;
    throw new CsiError('AlreadyExists', `snapshot ${name} exists and is of volume ${present.sourceId}`);
  }
  const volume = await existing(store, 'volume', volumeId);
  await checkRoom(volume.sizeBytes, deps);
  const { sizeBytes, encrypted } = volume;
  const createdAtMs = deps.clock.nowMs();
  const record: ImageRecord = { kind: 'snapshot', id, name, sizeBytes, encrypted, createdAtMs, sourceId: volumeId };
  await deps.quiesced(volume, () => store.create(record, volume));
  return record;
}

async function growTo(volume: ImageRecord, sizeBytes: number, { store }: ControllerDeps): Promise<ImageRecord> {
  return await store.grow(volume, sizeBytes);
}

/** Images are sparse: only a copy may need its whole size at once, where the file system cannot share blocks. */
async function checkRoom(bytes: number, { store }: ControllerDeps): Promise<void> {
  const free = await store.freeBytes();
  if (bytes > free) throw new CsiError('ResourceExhausted', `${bytes} bytes are needed, ${free} are free`);
}

async function existing(store: ImageStore, kind: ImageKind, id: string): Promise<ImageRecord> {
  const found = await store.get(kind, id);
  if (found === undefined) throw new CsiError('NotFound', `${kind} ${id} does not exist`);
  return found;
}

/** A token is the id after which the page begins: what comes or goes between pages does no harm. */
function paged(all: readonly ImageRecord[], { maxEntries = 0, startingToken = '' }: ListRequest) {
  if (maxEntries < 0) throw invalid('max_entries is negative');
  if (startingToken !== '' && !/^(vol|snap)-[0-9a-f]{32}$/.test(startingToken)) {
    throw new CsiError('Aborted', `starting token ${startingToken} is none of ours`);
  }
  const rest = all.filter(({ id }) => id > startingToken);
  const page = maxEntries > 0 ? rest.slice(0, maxEntries) : rest;
  return { page, nextToken: page.length < rest.length ? (page.at(-1)?.id ?? '') : '' };
}

const sourceAnswer = (id: string) =>
  id.startsWith('snap-') ? { snapshot: { snapshotId: id } } : { volume: { volumeId: id } };

const snapshotAnswer = ({ id, sourceId, sizeBytes, createdAtMs }: ImageRecord) => ({
  snapshotId: id,
  sourceVolumeId: sourceId,
  sizeBytes,
  creationTime: { seconds: Math.floor(createdAtMs / 1000), nanos: (createdAtMs % 1000) * 1_000_000 },
  readyToUse: true,
});
