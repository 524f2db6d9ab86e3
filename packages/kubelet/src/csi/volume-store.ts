/**
 * Where CSI volumes are on this node, and what is written beside them so that a new agent knows them. The disk is the
 * truth: who uses a volume is read from it. Source: kubernetes pkg/volume/csi (csi_util.go, csi_block.go).
 */
import { jsonEqual } from '@kapella/base';
import type { HostFiles } from '../host/host-files.ts';
import { type CsiVolume, handleHash } from './csi-volume.ts';

const DIR_MODE = 0o750;
const DATA = 'vol_data.json';

/** Upstream's field names: its kubelet can take a node over, and ours one of its. */
export interface VolumeData {
  readonly driverName: string;
  readonly volumeHandle: string;
  readonly specVolID?: string;
  readonly nodeName?: string;
  readonly attachmentID?: string;
  readonly volumeLifecycleMode?: string;
}

/** One Pod's use of a volume. */
export interface VolumeUse {
  readonly podUid: string;
  readonly specName: string;
  readonly block: boolean;
  readonly data: VolumeData;
}

export interface StagedVolume {
  readonly data: VolumeData;
  readonly specName: string;
  readonly block: boolean;
}

export class VolumeStore {
  readonly #root: string;
  readonly #files: HostFiles;

  constructor(rootDir: string, files: HostFiles) {
    this.#root = rootDir;
    this.#files = files;
  }

  get #plugin(): string {
    return `${this.#root}/plugins/kubernetes.io/csi`;
  }

  get #devices(): string {
    return `${this.#plugin}/volumeDevices`;
  }

  podDir(podUid: string, specName: string): string {
    return `${this.#root}/pods/${podUid}/volumes/kubernetes.io~csi/${specName}`;
  }

  /** The target of NodePublishVolume. */
  targetPath(podUid: string, specName: string, block: boolean): string {
    return block ? `${this.#devices}/publish/${specName}/${podUid}` : `${this.podDir(podUid, specName)}/mount`;
  }

  /** Where the container's device is looked for: a link to the target. */
  deviceLink(podUid: string, specName: string): string {
    return `${this.#root}/pods/${podUid}/volumeDevices/kubernetes.io~csi/${specName}`;
  }

  stagingPath(driver: string, handle: string, specName: string, block: boolean): string {
    return block
      ? `${this.#devices}/staging/${specName}`
      : `${this.#plugin}/${driver}/${handleHash(handle)}/globalmount`;
  }

  /** Writes down that the Pod uses the volume, before anything is done. */
  async recordUse(podUid: string, volume: CsiVolume, data: VolumeData): Promise<void> {
    const block = volume.mode === 'Block';
    if (block) {
      await this.#writeData(`${this.#devices}/${volume.specName}/data`, data);
      await this.#files.mkdir(`${this.#devices}/publish/${volume.specName}`, DIR_MODE);
      const link = this.deviceLink(podUid, volume.specName);
      await this.#files.mkdir(link.slice(0, link.lastIndexOf('/')), DIR_MODE);
      if ((await this.#files.lstat(link)) === undefined) {
        await this.#files.symlink(this.targetPath(podUid, volume.specName, true), link);
      }
      return;
    }
    await this.#writeData(this.podDir(podUid, volume.specName), data);
  }

  async recordStaging({ driver, handle, specName, mode }: CsiVolume): Promise<void> {
    const block = mode === 'Block';
    const path = this.stagingPath(driver, handle, specName, block);
    await this.#files.mkdir(path, DIR_MODE);
    if (!block) await this.#writeData(parentOf(path), { driverName: driver, volumeHandle: handle });
  }

  async forgetUse({ podUid, specName, block }: VolumeUse): Promise<void> {
    if (block) await this.#files.remove(this.deviceLink(podUid, specName));
    await this.#files.remove(block ? this.targetPath(podUid, specName, true) : this.podDir(podUid, specName));
  }

  async forgetStaging({ data, specName, block }: StagedVolume): Promise<void> {
    const path = this.stagingPath(data.driverName, data.volumeHandle, specName, block);
    await this.#files.remove(block ? path : parentOf(path));
    if (!block) return;
    await this.#files.remove(`${this.#devices}/publish/${specName}`);
    await this.#files.remove(`${this.#devices}/${specName}`);
  }

  /** What one Pod uses. */
  async usesOf(podUid: string): Promise<readonly VolumeUse[]> {
    const uses: VolumeUse[] = [];
    const pod = `${this.#root}/pods/${podUid}`;
    for (const specName of (await this.#files.list(`${pod}/volumes/kubernetes.io~csi`)) ?? []) {
      const data = await this.#readData(this.podDir(podUid, specName));
      if (data !== undefined) uses.push({ podUid, specName, block: false, data });
    }
    for (const specName of (await this.#files.list(`${pod}/volumeDevices/kubernetes.io~csi`)) ?? []) {
      const data = await this.#readData(`${this.#devices}/${specName}/data`);
      if (data !== undefined) uses.push({ podUid, specName, block: true, data });
    }
    return uses;
  }

  /** What all Pods of this node use. */
  async uses(): Promise<readonly VolumeUse[]> {
    const uids = (await this.#files.list(`${this.#root}/pods`)) ?? [];
    return (await Promise.all(uids.map((uid) => this.usesOf(uid)))).flat();
  }

  async staged(): Promise<readonly StagedVolume[]> {
    const found: StagedVolume[] = [];
    for (const driver of (await this.#files.list(this.#plugin)) ?? []) {
      if (driver === 'volumeDevices') continue;
      for (const hash of (await this.#files.list(`${this.#plugin}/${driver}`)) ?? []) {
        const data = await this.#readData(`${this.#plugin}/${driver}/${hash}`);
        if (data !== undefined) found.push({ data, specName: '', block: false });
      }
    }
    for (const specName of (await this.#files.list(`${this.#devices}/staging`)) ?? []) {
      const data = await this.#readData(`${this.#devices}/${specName}/data`);
      if (data !== undefined) found.push({ data, specName, block: true });
    }
    return found;
  }

  async #writeData(dir: string, data: VolumeData): Promise<void> {
    // A file that says so already is left alone: a kill in the midst of writing must not lose it.
    if (jsonEqual(await this.#readData(dir), data)) return;
    await this.#files.mkdir(dir, DIR_MODE);
    await this.#files.write(`${dir}/${DATA}`, JSON.stringify(data), 0o600);
  }

  async #readData(dir: string): Promise<VolumeData | undefined> {
    const bytes = await this.#files.read(`${dir}/${DATA}`);
    if (bytes === undefined) return undefined;
    try {
      const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<VolumeData> | null;
      if (!value?.driverName || !value.volumeHandle) return undefined;
      return { ...value, driverName: value.driverName, volumeHandle: value.volumeHandle };
    } catch (error) {
      if (error instanceof SyntaxError) return undefined; // half written by an agent that was killed: nothing was done yet
      throw error;
    }
  }
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
