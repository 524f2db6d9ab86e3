/** The mounts of one container: volumes, hosts file, termination message. Source: kubelet_pods.go (makeMounts). */
import type { Pod, VolumeMount } from '@kapella/api/types/core-v1';
import type { Random } from '@kapella/base';
import { expand } from '../container/expansion.ts';
import { hostsFile, podHostname } from '../container/hosts.ts';
import type { DeviceConfig, MountConfig } from '../cri/config.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { AnyContainer } from '../lifecycle/observed.ts';
import type { MountedVolume } from '../volumes/volume.ts';
import type { NodeSettings } from './deps.ts';

const HOSTS = '/etc/hosts';
const PROPAGATION = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

export interface MountsInput {
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly env: ReadonlyMap<string, string>;
  readonly podIps: readonly string[];
  readonly settings: NodeSettings;
  readonly files: HostFiles;
  readonly random: Random;
}

/** Throws an Error with upstream's text when a mount cannot be made. */
export async function containerMounts(input: MountsInput): Promise<readonly MountConfig[]> {
  const { container, pod, podIps } = input;
  const mounts: MountConfig[] = [];
  for (const mount of container.volumeMounts ?? []) mounts.push(await volumeMount(mount, input));
  const taken = (path: string) => mounts.some(({ containerPath }) => containerPath === path);
  if (!taken(HOSTS) && (pod.spec.hostNetwork === true || podIps.length > 0)) mounts.push(await hostsMount(input));
  const messagePath = container.terminationMessagePath;
  if (messagePath && !taken(messagePath)) mounts.push(await messageMount(messagePath, input));
  return mounts;
}

/** Block volumes appear as devices. Throws an Error with upstream's text when one is not there. */
export function containerDevices(
  { name, volumeDevices = [] }: AnyContainer,
  volumes: ReadonlyMap<string, MountedVolume>,
): readonly DeviceConfig[] {
  return volumeDevices.map(({ name: volumeName, devicePath }) => {
    const volume = volumes.get(volumeName);
    if (volume === undefined) throw new Error(`cannot find volume "${volumeName}" to pass into container "${name}"`);
    if (volume.block !== true) throw new Error(`volume "${volumeName}" is not a block volume`);
    return { containerPath: devicePath, hostPath: volume.hostPath, permissions: volume.readOnly ? 'r' : 'mrw' };
  });
}

function mountable(
  mount: VolumeMount,
  container: AnyContainer,
  volumes: ReadonlyMap<string, MountedVolume>,
): MountedVolume {
  const volume = volumes.get(mount.name);
  if (volume === undefined) {
    throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
  }
  if (volume.block !== true) return volume;
  throw new Error(`volume "${mount.name}" has volumeMode Block, but is specified in volumeMounts`);
}

async function volumeMount(mount: VolumeMount, input: MountsInput): Promise<MountConfig> {
  const { container, volumes, env, files, settings } = input;
  const volume = mountable(mount, container, volumes);
  const subPath = mount.subPathExpr ? expandSubPath(mount.subPathExpr, env) : (mount.subPath ?? '');
  checkSubPath(subPath);
  const readonly = mount.readOnly === true || volume.readOnly;
  const base = {
    containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    readonly,
    propagation: PROPAGATION[mount.mountPropagation ?? 'None'],
    ...(recursive(mount, settings.recursiveReadOnly) ? { recursiveReadOnly: true } : {}),
  };
  if (volume.image !== undefined) {
    if (!settings.imageVolumes) throw new Error(`volume "${mount.name}": the container runtime cannot mount images`);
    const sub = subPath === '' ? {} : { imageSubPath: subPath };
    return { ...base, hostPath: '', image: { image: volume.image.reference }, ...sub };
  }
  const hostPath = subPath === '' ? volume.hostPath : await subPathOf(volume.hostPath, subPath, mount, input);
  if (subPath === '' && (await files.stat(hostPath)) === undefined) await files.mkdir(hostPath, 0o755);
  return { ...base, hostPath };
}

function recursive({ recursiveReadOnly, readOnly }: VolumeMount, supported: boolean): boolean {
  if (readOnly !== true || recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return false;
  if (recursiveReadOnly === 'Enabled' && !supported) {
    throw new Error('failed to resolve recursive read-only mode: volume does not support recursive read-only mounts');
  }
  return supported;
}

function expandSubPath(expression: string, env: ReadonlyMap<string, string>): string {
  const missing = new Set<string>();
  const result = expand(expression, (name) => {
    const value = env.get(name);
    if (!value) missing.add(name);
    return value ?? '';
  });
  if (missing.size > 0) throw new Error(`missing value for ${[...missing].sort().join(', ')}`);
  return result;
}

function checkSubPath(path: string): void {
  if (path.startsWith('/')) throw new Error(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) throw new Error(`unable to provision SubPath \`${path}\`: must not contain '..'`);
}

/**
 * Binds what the subPath leads to at a place of its own: the runtime looks it up by name only later, and by then a container
 * could have put a link there.
 */
async function subPathOf(root: string, subPath: string, mount: VolumeMount, input: MountsInput): Promise<string> {
  const { files, container, pod, settings } = input;
  const index = (container.volumeMounts ?? []).indexOf(mount);
  const target = `${settings.podsDir}/${pod.metadata.uid}/volume-subpaths/${mount.name}/${container.name}/${index}`;
  const info = await files.stat(root);
  try {
    await using held = await files.openInside(root, subPath, (info?.mode ?? 0o755) & 0o777);
    for (const old of await files.mountsUnder(target)) await files.unmount(old);
    await files.remove(target);
    if (held.kind === 'directory') {
      await files.mkdir(target, 0o750);
    } else {
      await files.mkdir(target.slice(0, target.lastIndexOf('/')), 0o750);
      await files.write(target, '', 0o640);
    }
    await files.mount(held.path, target, 'bind', []);
    return target;
  } catch (error) {
    const where = `volumeMount "${mount.name}" of container "${container.name}"`;
    throw new Error(`failed to prepare subPath for ${where}`, { cause: error });
  }
}

async function hostsMount({ pod, podIps, settings, files }: MountsInput): Promise<MountConfig> {
  const hostPath = `${settings.podsDir}/${pod.metadata.uid}/etc-hosts`;
  const nodeHosts = pod.spec.hostNetwork === true ? await files.read(HOSTS) : undefined;
  const text = hostsFile(pod, podHostname(pod, settings.clusterDomain), podIps, new TextDecoder().decode(nodeHosts));
  await files.write(hostPath, text, 0o644);
  return { containerPath: HOSTS, hostPath, readonly: false, propagation: 'PROPAGATION_PRIVATE' };
}

async function messageMount(
  path: string,
  { pod, container, settings, files, random }: MountsInput,
): Promise<MountConfig> {
  const dir = `${settings.podsDir}/${pod.metadata.uid}/containers/${container.name}`;
  await files.mkdir(dir, 0o750);
  const hostPath = `${dir}/${random.uuid().slice(0, 8)}`;
  await files.write(hostPath, '', 0o666);
  return { containerPath: path, hostPath, readonly: false, propagation: 'PROPAGATION_PRIVATE' };
}
