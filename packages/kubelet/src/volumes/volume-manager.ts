/** Volumes of Pods: made before the first container, refreshed when their source changes, gone after the last. */
import { coreV1, type KindRef } from '@kapella/api';
import type { Pod, Volume } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { AnyContainer } from '../lifecycle/observed.ts';
import type { ObjectCache } from '../objects/object-cache.ts';
import { MountError } from './mount-error.ts';
import type { MountedVolume, VolumeDeps, VolumePlugin } from './volume.ts';

export interface VolumeFailure {
  readonly volume: string;
  /** Text of the FailedMount event. */
  readonly message: string;
}

export interface MountedVolumes {
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly failures: readonly VolumeFailure[];
  /** Earliest refresh that is due; undefined = none. */
  readonly refreshAtMs?: number;
}

export interface VolumeManager {
  /** Watches what the Pod's volumes and containers refer to. Idempotent. */
  register(pod: Pod): void;
  /** All volumes that a container mounts; one failed volume does not stop the others. Never throws. */
  mount(pod: Pod, ctx: Ctx): Promise<MountedVolumes>;
  /** Unmounts and removes the Pod's volumes. Throws while something is busy. */
  unmount(podUid: string, ctx: Ctx): Promise<void>;
  /** Removes what is left of the Pod on disk; after `unmount`. */
  removePodDir(podUid: string): Promise<void>;
}

export interface VolumeManagerOptions {
  /** `<dir>/<uid>/volumes/…`. */
  readonly podsDir: string;
  /** A directory on tmpfs. */
  readonly memoryDir: string;
}

export function createVolumeManager(
  plugins: readonly VolumePlugin[],
  deps: VolumeDeps,
  { podsDir, memoryDir }: VolumeManagerOptions,
): VolumeManager {
  const mountOne = async (pod: Pod, volume: Volume, ctx: Ctx): Promise<MountedVolume> => {
    const plugin = plugins.find((candidate) => candidate.supports(volume));
    if (plugin === undefined) throw new Error('no volume plugin matched');
    const below = `${pod.metadata.uid}/volumes/kubernetes.io~${plugin.name}/${volume.name}`;
    return await plugin.mount(
      { pod, volume, dir: `${podsDir}/${below}`, memoryDir: `${memoryDir}/${below}` },
      deps,
      ctx,
    );
  };
  return {
    register: (pod) => acquireAll(pod, deps.objects),
    async mount(pod, ctx) {
      const volumes = new Map<string, MountedVolume>();
      const failures: VolumeFailure[] = [];
      let refreshAtMs: number | undefined;
      await Promise.all(
        usedVolumes(pod).map(async (volume) => {
          try {
            const mounted = await mountOne(pod, volume, ctx);
            volumes.set(volume.name, mounted);
            if (mounted.refreshAtMs !== undefined)
              refreshAtMs = Math.min(refreshAtMs ?? mounted.refreshAtMs, mounted.refreshAtMs);
          } catch (error) {
            const known =
              error instanceof MountError
                ? error
                : new MountError('MountVolume.SetUp', volume.name, describeError(error));
            failures.push({ volume: volume.name, message: known.message });
          }
        }),
      );
      return { volumes, failures, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) };
    },
    async unmount(podUid, ctx) {
      // Subpaths hold on to the volumes that they are of.
      const subPaths = `${podsDir}/${podUid}/volume-subpaths`;
      for (const point of await deps.files.mountsUnder(subPaths)) await deps.files.unmount(point);
      await deps.files.remove(subPaths);
      await deps.csi?.volumes.unmount(podUid, ctx);
      deps.objects.release(podUid);
      deps.tokens.forget(podUid);
      for (const dir of [`${podsDir}/${podUid}/volumes`, `${memoryDir}/${podUid}`]) {
        for (const point of await deps.files.mountsUnder(dir)) await deps.files.unmount(point);
        await deps.files.remove(dir);
      }
    },
    removePodDir: (podUid) => deps.files.remove(`${podsDir}/${podUid}`),
  };
}

/** A volume that no container mounts is not made, as upstream. */
function usedVolumes({ spec }: Pod): readonly Volume[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const used = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  for (const { volumeDevices = [] } of containers) for (const { name } of volumeDevices) used.add(name);
  for (const container of containers) {
    for (const { valueFrom } of container.env ?? [])
      if (valueFrom?.fileKeyRef) used.add(valueFrom.fileKeyRef.volumeName);
  }
  return (spec.volumes ?? []).filter(({ name }) => used.has(name));
}

function acquireAll(pod: Pod, objects: ObjectCache): void {
  const { uid, namespace = '' } = pod.metadata;
  for (const [kind, name] of references(pod)) objects.acquire(kind, namespace, name, uid);
}

type Reference = readonly [KindRef<unknown>, string];

/**
 * What volumes and containers refer to by name and follow, in the Pod's namespace. A claim is not among them: a node may
 * get one, but neither list nor watch it; it is asked for at each mount.
 */
function references(pod: Pod): readonly Reference[] {
  const { spec } = pod;
  const configMap = (name: string | undefined): readonly Reference[] => (name ? [[coreV1.ConfigMap, name]] : []);
  const secret = (name: string | undefined): readonly Reference[] => (name ? [[coreV1.Secret, name]] : []);
  const ofVolume = (volume: Volume): readonly Reference[] => [
    ...configMap(volume.configMap?.name),
    ...secret(volume.secret?.secretName),
    ...(volume.projected?.sources ?? []).flatMap((s) => [...configMap(s.configMap?.name), ...secret(s.secret?.name)]),
  ];
  const ofContainer = ({ env = [], envFrom = [] }: AnyContainer): readonly Reference[] => [
    ...envFrom.flatMap((from) => [...configMap(from.configMapRef?.name), ...secret(from.secretRef?.name)]),
    ...env.flatMap(({ valueFrom: from }) => [
      ...configMap(from?.configMapKeyRef?.name),
      ...secret(from?.secretKeyRef?.name),
    ]),
  ];
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  return [
    ...usedVolumes(pod).flatMap(ofVolume),
    ...containers.flatMap(ofContainer),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }) => secret(name)),
  ];
}
