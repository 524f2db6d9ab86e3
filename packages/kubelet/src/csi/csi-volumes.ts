/**
 * Stages, publishes, unpublishes and unstages CSI volumes for the Pods of this node. Source: kubernetes pkg/volume/csi,
 * pkg/volume/util/operationexecutor.
 */
import { coreV1, storageV1 } from '@kapella/api';
import type { Pod, Secret } from '@kapella/api/types/core-v1';
import type { CSIDriver } from '@kapella/api/types/storage-v1';
import { type Ctx, describeError, formatTime } from '@kapella/base';
import type { Client } from '@kapella/client';
import { createLocks, isFinalError, type Locks, type StringMap } from '@kapella/csi';
import { decodeBytes } from '../container/env.ts';
import type { HostFiles } from '../host/host-files.ts';
import { applyFsGroup } from '../volumes/ownership.ts';
import type { TokenSource } from '../volumes/tokens.ts';
import { MountError } from '../volumes/mount-error.ts';
import { untilAttached } from './attachment.ts';
import {
  attachmentName,
  capabilityOf,
  changesOwner,
  type CsiVolume,
  lifecycleProblem,
  podInfo,
  type SecretName,
  uniqueVolumeName,
} from './csi-volume.ts';
import type { CsiDrivers, RegisteredDriver } from './drivers.ts';

import { type StagedVolume, VolumeStore, type VolumeUse } from './volume-store.ts';
import type { VolumesInUse } from './volumes-in-use.ts';

const REPUBLISH_MS = 60_000;
const TOKEN_SECONDS = 3600;
const TOKENS = 'csi.storage.k8s.io/serviceAccount.tokens';

export interface PublishedVolume {
  /** A directory, or a block device. */
  readonly hostPath: string;
  readonly block: boolean;
  readonly refreshAtMs?: number;
}

export interface CsiVolumes {
  /** Idempotent. Throws MountError. */
  mount(pod: Pod, volume: CsiVolume, ctx: Ctx): Promise<PublishedVolume>;
  /** Throws while something is busy, or its driver away. */
  unmount(podUid: string, ctx: Ctx): Promise<void>;
  /** Finds what an earlier agent left in use; before the node's status is reported. */
  recover(): Promise<void>;
  /** Unstages what no Pod uses any more, as far as drivers are there. */
  reclaim(ctx: Ctx): Promise<void>;
  /** Where `volume` is for the Pod, as its driver knows it. */
  pathsOf(podUid: string, volume: CsiVolume): { readonly target: string; readonly staging: string };
  readonly drivers: CsiDrivers;
}

export interface CsiVolumesDeps {
  readonly nodeName: string;
  /** The agent's own directory. */
  readonly rootDir: string;
  /** The same under the name by which drivers know it, e.g. /var/lib/kubelet. */
  readonly driverRootDir: string;
  readonly client: Client;
  readonly files: HostFiles;
  readonly tokens: TokenSource;
  readonly drivers: CsiDrivers;
  readonly inUse: VolumesInUse;
}

export function createCsiVolumes(deps: CsiVolumesDeps): CsiVolumes {
  return new Volumes(deps);
}

class Volumes implements CsiVolumes {
  readonly drivers: CsiDrivers;
  readonly #deps: CsiVolumesDeps;
  readonly #store: VolumeStore;
  readonly #locks: Locks = createLocks();
  /** By unique name: what this agent has staged. What an earlier one has is staged again, which drivers take for nothing. */
  readonly #staged = new Set<string>();
  /** By target path: when it must be published anew at the latest. */
  readonly #published = new Map<string, number | undefined>();
  /** By Pod: volumes that it waits for or has. */
  readonly #wanted = new Map<string, Map<string, StagedVolume>>();

  constructor(deps: CsiVolumesDeps) {
    this.#deps = deps;
    this.drivers = deps.drivers;
    this.#store = new VolumeStore(deps.rootDir, deps.files);
  }

  async mount(pod: Pod, volume: CsiVolume, ctx: Ctx): Promise<PublishedVolume> {
    const block = volume.mode === 'Block';
    const target = this.#store.targetPath(pod.metadata.uid, volume.specName, block);
    const hostPath = block ? this.#store.deviceLink(pod.metadata.uid, volume.specName) : target;
    const dueAtMs = this.#published.get(target);
    const due = dueAtMs === undefined ? !this.#published.has(target) : ctx.clock.nowMs() >= dueAtMs;
    if (due) await this.#mountDue(pod, volume, target, ctx);
    const refreshAtMs = this.#published.get(target);
    return { hostPath, block, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) };
  }

  async #mountDue(pod: Pod, volume: CsiVolume, target: string, ctx: Ctx): Promise<void> {
    const { client, nodeName, inUse } = this.#deps;
    const { uid } = pod.metadata;
    if (volume.lifecycle === 'Persistent') {
      const wanted = this.#wanted.get(uid) ?? new Map<string, StagedVolume>();
      this.#wanted.set(uid, wanted.set(uniqueVolumeName(volume), stagedOf(volume)));
    }
    const failed = (step: string) => (error: unknown) => {
      if (error instanceof MountError) throw error;
      throw new MountError(step, volume.specName, describeError(error), isFinalError(error));
    };
    const object = await client.get(storageV1.CSIDriver, { name: volume.driver }, ctx);
    if (object?.spec.requiresRepublish !== true && (await this.#isThere(uid, volume, target))) {
      this.#published.set(target, undefined);
      return;
    }
    const problem = lifecycleProblem(volume, object);
    if (problem !== undefined)
      failed('MountVolume.SetUp')(
        new Error(`kubernetes.io/csi: mounter.SetupAt failed to check volume lifecycle mode: ${problem}`),
      );
    const attaches = volume.lifecycle === 'Persistent' && object?.spec.attachRequired !== false;
    const publishContext = attaches
      ? await untilAttached(volume, nodeName, inUse, client, ctx).catch(failed('MountVolume.WaitForAttach'))
      : {};
    await this.#locks.run(uniqueVolumeName(volume), async () => {
      const driver = this.#driver(volume);
      await this.#refuseSharing(pod, volume).catch(failed('MountVolume.SetUp'));
      await this.#recordUse(pod, volume);
      const job: Job = { pod, volume, driver, object, publishContext, target };
      const block = volume.mode === 'Block';
      try {
        await this.#stage(job, ctx).catch(failed(block ? 'MapVolume.SetUpDevice' : 'MountVolume.MountDevice'));
        await this.#publish(job, ctx).catch(failed(block ? 'MapVolume.MapPodDevice' : 'MountVolume.SetUp'));
      } catch (error) {
        // What is known to have failed is not there, and nothing has to be undone.
        const gone = error instanceof MountError && error.isFinal && !this.#published.has(target);
        if (gone) await this.#store.forgetUse(useOf(uid, volume)).catch(() => {});
        throw error;
      }
    });
  }

  /** An earlier agent published it: its Pod may run, whether or not the driver does at the moment. */
  async #isThere(uid: string, volume: CsiVolume, target: string): Promise<boolean> {
    if (!(await this.#store.usesOf(uid)).some((use) => isOf(use, volume))) return false;
    return (await this.#deps.files.mountsUnder(target)).includes(target);
  }

  #driver(volume: CsiVolume): RegisteredDriver {
    try {
      return this.drivers.get(volume.driver);
    } catch (error) {
      const staged = volume.lifecycle === 'Persistent';
      const what = staged
        ? 'attacher.MountDevice failed to create newCsiDriverClient'
        : 'mounter.SetUpAt failed to get CSI client';
      const step = staged ? 'MountVolume.MountDevice' : 'MountVolume.SetUp';
      throw new MountError(step, volume.specName, `kubernetes.io/csi: ${what}: ${describeError(error)}`);
    }
  }

  /** The scheduler sees to it as well; Pods that name their node pass it by. */
  async #refuseSharing(pod: Pod, volume: CsiVolume): Promise<void> {
    if (!volume.accessModes.includes('ReadWriteOncePod')) return;
    const others = (await this.#store.uses()).filter((use) => isOf(use, volume) && use.podUid !== pod.metadata.uid);
    if (others.length > 0) {
      throw new Error('volume uses the ReadWriteOncePod access mode and is already in use by another pod');
    }
  }

  async #recordUse({ metadata: { uid } }: Pod, volume: CsiVolume): Promise<void> {
    const { nodeName } = this.#deps;
    await this.#store.recordUse(uid, volume, {
      attachmentID: attachmentName(volume, nodeName),
      driverName: volume.driver,
      nodeName,
      specVolID: volume.specName,
      volumeHandle: volume.handle,
      volumeLifecycleMode: volume.lifecycle,
    });
  }

  async #stage({ pod, volume, driver, publishContext }: Job, ctx: Ctx): Promise<void> {
    const name = uniqueVolumeName(volume);
    if (!stages(volume, driver) || this.#staged.has(name)) return;
    const secrets = await this.#secret(volume.stageSecret, 'NodeStageSecretRef', ctx);
    await this.#store.recordStaging(volume);
    try {
      await driver.service.stage(
        {
          volumeId: volume.handle,
          publishContext,
          stagingTargetPath: this.#told(this.#stagingPath(volume)),
          volumeCapability: capabilityOf(volume, driver.capabilities, pod.spec.securityContext?.fsGroup),
          secrets,
          volumeContext: volume.attributes,
        },
        ctx,
      );
    } catch (error) {
      if (isFinalError(error)) await this.#store.forgetStaging(stagedOf(volume)).catch(() => {});
      throw error;
    }
    this.#staged.add(name);
  }

  async #publish({ pod, volume, driver, object, publishContext, target }: Job, ctx: Ctx): Promise<void> {
    const isFirst = !this.#published.has(target);
    const token = await this.#tokens(pod, object, ctx);
    const inSecrets = object?.spec.serviceAccountTokenInSecrets === true;
    const secrets = await this.#secret(volume.publishSecret, 'NodePublishSecretRef', ctx);
    const told = object?.spec.podInfoOnMount === true ? podInfo(pod, volume) : {};
    const { fsGroup } = pod.spec.securityContext ?? {};
    await driver.service.publish(
      {
        volumeId: volume.handle,
        publishContext,
        stagingTargetPath: stages(volume, driver) ? this.#told(this.#stagingPath(volume)) : '',
        targetPath: this.#told(target),
        volumeCapability: capabilityOf(volume, driver.capabilities, fsGroup),
        readonly: volume.readOnly,
        secrets: inSecrets ? { ...secrets, ...token } : secrets,
        volumeContext: { ...volume.attributes, ...told, ...(inSecrets ? {} : token) },
      },
      ctx,
    );
    if (isFirst && volume.mode === 'Filesystem' && changesOwner(volume, object, driver.capabilities)) {
      await applyFsGroup(pod, target, false, this.#deps.files);
    }
    const again = object?.spec.requiresRepublish === true;
    this.#published.set(target, again ? ctx.clock.nowMs() + REPUBLISH_MS : undefined);
  }

  async #tokens(pod: Pod, object: CSIDriver | undefined, ctx: Ctx): Promise<StringMap> {
    const requests = object?.spec.tokenRequests ?? [];
    if (requests.length === 0) return {};
    const answers = requests.map(async ({ audience, expirationSeconds = TOKEN_SECONDS }) => {
      const { token, expiresAtMs } = await this.#deps.tokens.get(pod, audience || undefined, expirationSeconds, ctx);
      return [audience, { token, expirationTimestamp: formatTime(expiresAtMs) }] as const;
    });
    return { [TOKENS]: JSON.stringify(Object.fromEntries(await Promise.all(answers))) };
  }

  async #secret(ref: SecretName | undefined, what: string, ctx: Ctx): Promise<StringMap> {
    if (ref === undefined) return {};
    const found = await this.#deps.client.get<Secret>(coreV1.Secret, ref, ctx);
    if (found === undefined) {
      throw new Error(`fetching ${what} ${ref.namespace}/${ref.name} failed: secrets "${ref.name}" not found`);
    }
    const decoder = new TextDecoder();
    return Object.fromEntries(
      Object.entries(found.data ?? {}).map(([key, text]) => [key, decoder.decode(decodeBytes(text))]),
    );
  }

  async unmount(podUid: string, ctx: Ctx): Promise<void> {
    const left = new Map(this.#wanted.get(podUid));
    for (const use of await this.#store.usesOf(podUid)) {
      await this.#locks.run(nameOf(use), () => this.#unpublish(use, ctx));
      if (use.data.volumeLifecycleMode === 'Ephemeral') continue;
      left.set(nameOf(use), { data: use.data, specName: use.specName, block: use.block });
    }
    for (const [name, staged] of left) {
      this.#wanted.get(podUid)?.delete(name);
      await this.#locks.run(name, () => this.#release(staged, ctx));
    }
    this.#wanted.delete(podUid);
  }

  async #unpublish(use: VolumeUse, ctx: Ctx): Promise<void> {
    const target = this.#store.targetPath(use.podUid, use.specName, use.block);
    await this.drivers.get(use.data.driverName).service.unpublish(use.data.volumeHandle, this.#told(target), ctx);
    this.#published.delete(target);
    // A driver may leave its mount point, or an agent that was killed may have left a mount that no driver knows.
    for (const point of await this.#deps.files.mountsUnder(target)) await this.#deps.files.unmount(point);
    await this.#store.forgetUse(use);
  }

  /** Under the volume's lock. Nothing while a Pod uses it or waits for it. */
  async #release(staged: StagedVolume, ctx: Ctx): Promise<void> {
    const name = nameOf(staged);
    if ([...this.#wanted.values()].some((wanted) => wanted.has(name))) return;
    if ((await this.#store.uses()).some((use) => nameOf(use) === name)) return;
    if ((await this.#store.staged()).some((other) => nameOf(other) === name)) await this.#unstage(staged, ctx);
    this.#deps.inUse.remove(name);
  }

  async #unstage(staged: StagedVolume, ctx: Ctx): Promise<void> {
    const { data, specName, block } = staged;
    const driver = this.drivers.get(data.driverName);
    const path = this.#store.stagingPath(data.driverName, data.volumeHandle, specName, block);
    if (driver.capabilities.has('STAGE_UNSTAGE_VOLUME')) {
      await driver.service.unstage(data.volumeHandle, this.#told(path), ctx);
    }
    this.#staged.delete(nameOf(staged));
    for (const point of await this.#deps.files.mountsUnder(path)) await this.#deps.files.unmount(point);
    await this.#store.forgetStaging(staged);
  }

  async recover(): Promise<void> {
    const uses = (await this.#store.uses()).filter(({ data }) => data.volumeLifecycleMode !== 'Ephemeral');
    for (const one of [...uses, ...(await this.#store.staged())]) this.#deps.inUse.add(nameOf(one));
  }

  async reclaim(ctx: Ctx): Promise<void> {
    for (const staged of await this.#store.staged()) {
      if (this.drivers.find(staged.data.driverName) === undefined) continue; // until it is back, it stays attached
      await this.#locks.run(nameOf(staged), () => this.#release(staged, ctx));
    }
  }

  pathsOf(podUid: string, volume: CsiVolume) {
    const target = this.#store.targetPath(podUid, volume.specName, volume.mode === 'Block');
    const driver = this.drivers.find(volume.driver);
    const staging = driver !== undefined && stages(volume, driver) ? this.#stagingPath(volume) : '';
    return { target: this.#told(target), staging: this.#told(staging) };
  }

  #stagingPath({ driver, handle, specName, mode }: CsiVolume): string {
    return this.#store.stagingPath(driver, handle, specName, mode === 'Block');
  }

  #told(path: string): string {
    const { rootDir, driverRootDir } = this.#deps;
    return path.startsWith(`${rootDir}/`) ? `${driverRootDir}${path.slice(rootDir.length)}` : path;
  }
}

interface Job {
  readonly pod: Pod;
  readonly volume: CsiVolume;
  readonly driver: RegisteredDriver;
  readonly object: CSIDriver | undefined;
  readonly publishContext: StringMap;
  readonly target: string;
}

const stages = (volume: CsiVolume, { capabilities }: RegisteredDriver) =>
  volume.lifecycle === 'Persistent' && capabilities.has('STAGE_UNSTAGE_VOLUME');

const nameOf = ({ data }: { readonly data: VolumeUse['data'] }) =>
  uniqueVolumeName({ driver: data.driverName, handle: data.volumeHandle });

const isOf = (use: VolumeUse, volume: CsiVolume) => nameOf(use) === uniqueVolumeName(volume);

const useOf = (podUid: string, volume: CsiVolume): VolumeUse => ({
  podUid,
  specName: volume.specName,
  block: volume.mode === 'Block',
  data: { driverName: volume.driver, volumeHandle: volume.handle },
});

const stagedOf = (volume: CsiVolume): StagedVolume => ({
  data: { driverName: volume.driver, volumeHandle: volume.handle },
  specName: volume.specName,
  block: volume.mode === 'Block',
});
