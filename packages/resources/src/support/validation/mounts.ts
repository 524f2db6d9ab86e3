/** Volume mounts and devices of containers. Source: kubernetes pkg/apis/core/validation, ValidateVolumeMounts. */
import type { Container, Volume, VolumeDevice, VolumeMount } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkDescendingPath } from './paths.ts';

export type Volumes = ReadonlyMap<string, Volume>;

export function checkMounts(container: Container, volumes: Volumes, errors: FieldErrors, field: string): void {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const paths = new Set<string>();
  for (const [i, mount] of volumeMounts.entries()) {
    const at = `${field}.volumeMounts[${i}]`;
    if (!mount.name) errors.required(`${at}.name`);
    if (!volumes.has(mount.name)) errors.notFound(`${at}.name`, mount.name);
    if (!mount.mountPath) errors.required(`${at}.mountPath`);
    if (paths.has(mount.mountPath)) errors.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique');
    paths.add(mount.mountPath);
    if (volumeDevices.some((device) => device.name === mount.name)) {
      errors.invalid(`${at}.name`, mount.name, 'must not already exist in volumeDevices');
    }
    if (volumeDevices.some((device) => device.devicePath === mount.mountPath)) {
      errors.invalid(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices');
    }
    checkMountOptions(mount, container, errors, `${field}.volumeMounts`, at);
  }
  checkDevices(volumeDevices, volumeMounts, volumes, errors, `${field}.volumeDevices`);
}

/** Some errors name the list, not the item: upstream's paths are what clients see. */
function checkMountOptions(
  mount: VolumeMount,
  container: Container,
  errors: FieldErrors,
  list: string,
  at: string,
): void {
  if (mount.subPath) checkDescendingPath(mount.subPath, errors, `${list}.subPath`);
  if (mount.subPathExpr) {
    if (mount.subPath) {
      errors.invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
    }
    checkDescendingPath(mount.subPathExpr, errors, `${list}.subPathExpr`);
  }
  checkPropagation(mount, container, errors, `${list}.mountPropagation`);
  checkRecursive(mount, errors, `${list}.recursiveReadOnly`);
}

function checkPropagation(mount: VolumeMount, container: Container, errors: FieldErrors, field: string): void {
  const propagation = mount.mountPropagation;
  if (propagation === undefined) return;
  const known = ['Bidirectional', 'HostToContainer', 'None'];
  if (!known.includes(propagation)) errors.notSupported(field, propagation, known);
  if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
    errors.forbidden(field, 'Bidirectional mount propagation is available only to privileged containers');
  }
}

function checkRecursive(mount: VolumeMount, errors: FieldErrors, field: string): void {
  const { recursiveReadOnly: recursive, mountPropagation: propagation, readOnly } = mount;
  if (recursive === undefined || recursive === 'Disabled') return;
  if (recursive !== 'Enabled' && recursive !== 'IfPossible') {
    errors.notSupported(field, recursive, ['Disabled', 'Enabled', 'IfPossible']);
    return;
  }
  if (readOnly !== true) errors.forbidden(field, 'may only be specified when readOnly is true');
  if (propagation !== undefined && propagation !== 'None') {
    errors.forbidden(field, 'may only be specified when mountPropagation is None or not specified');
  }
}

function checkBlockVolume(name: string, volume: Volume | undefined, errors: FieldErrors, field: string): void {
  if (volume === undefined) errors.notFound(field, name);
  else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
    const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
    errors.invalid(field, name, why);
  }
}

function checkDevices(
  devices: readonly VolumeDevice[],
  mounts: readonly VolumeMount[],
  volumes: Volumes,
  errors: FieldErrors,
  field: string,
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const [i, { name, devicePath }] of devices.entries()) {
    const at = `${field}[${i}]`;
    if (!name) errors.required(`${at}.name`);
    if (names.has(name)) errors.invalid(`${at}.name`, name, 'must be unique');
    checkBlockVolume(name, volumes.get(name), errors, `${at}.name`);
    if (!devicePath) errors.required(`${at}.devicePath`);
    if (paths.has(devicePath)) errors.invalid(`${at}.devicePath`, devicePath, 'must be unique');
    if (devicePath?.split('/').includes('..')) {
      errors.invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    } else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) {
      errors.invalid(`${at}.name`, name, 'must not already exist in volumeMounts');
    }
    if (mounts.some((mount) => mount.mountPath === devicePath)) {
      errors.invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
    }
    names.add(name);
  }
}
