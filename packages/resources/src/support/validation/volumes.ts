/** Volumes of Pods. Source: kubernetes pkg/apis/core/validation, ValidateVolumes. */
import { nameIsDnsSubdomain } from '@kapella/api';
import type { DownwardAPIVolumeFile, KeyToPath, Volume } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkDriverName } from '../../storage/storage.validate.ts';
import { tryQuantity } from '../resource-list.ts';
import { addInvalid, checkDnsLabel } from './basic.ts';
import { checkFieldRef, checkResourceRef, VOLUME_FIELD_PATHS } from './env.ts';
import type { Volumes } from './mounts.ts';
import { checkDescendingPath, checkFileMode, checkNoBacksteps, checkVolumeFilePath } from './paths.ts';
import { checkProjected } from './projected.ts';

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
/** Fields that sources of storage systems cannot do without. */
const REQUIRED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  gitRepo: ['repository'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  persistentVolumeClaim: ['claimName'],
  rbd: ['monitors', 'image'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  quobyte: ['registry', 'volume'],
  flexVolume: ['driver'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  csi: ['driver'],
  image: ['reference'],
};

/** The valid volumes by name: mounts may refer to these only. */
export function checkVolumes(
  volumes: readonly Volume[],
  podName: string | undefined,
  errors: FieldErrors,
  field: string,
): Volumes {
  const valid = new Map<string, Volume>();
  const made = new Set(volumes.filter((v) => v.ephemeral !== undefined).map((v) => `${podName ?? ''}-${v.name}`));
  for (const [i, volume] of volumes.entries()) {
    const at = `${field}[${i}]`;
    const before = errors.list.length;
    checkVolume(volume, podName, errors, at);
    if (!volume.name) errors.required(`${at}.name`);
    else checkDnsLabel(volume.name, errors, `${at}.name`);
    if (valid.has(volume.name)) errors.duplicate(`${at}.name`, volume.name);
    if (errors.list.length === before) valid.set(volume.name, volume);
    const claimName = volume.persistentVolumeClaim?.claimName;
    if (podName && claimName !== undefined && made.has(claimName)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume';
      errors.invalid(`${at}.persistentVolumeClaim.claimName`, claimName, why);
    }
  }
  return valid;
}

function checkVolume(volume: Volume, podName: string | undefined, errors: FieldErrors, field: string): void {
  const { name, ...sources } = volume;
  const [first, ...others] = Object.keys(sources).filter((key) => sources[key as keyof typeof sources] !== undefined);
  if (first === undefined) {
    errors.required(field, 'must specify a volume type');
    return;
  }
  // An emptyDir counts first, whatever comes with it.
  const kept = volume.emptyDir !== undefined ? 'emptyDir' : first;
  for (const key of [first, ...others]) {
    if (key !== kept) errors.forbidden(`${field}.${key}`, 'may not specify more than 1 volume type');
  }
  checkSource(volume, kept, errors, `${field}.${kept}`);
  if (kept === 'ephemeral' && podName && name) {
    const claim = `${podName}-${name}`;
    for (const message of nameIsDnsSubdomain(claim, false)) {
      errors.invalid(`${field}.name`, name, `PVC name "${claim}": ${message}`);
    }
  }
}

function checkSource(volume: Volume, kind: string, errors: FieldErrors, field: string): void {
  const source = volume[kind as keyof Volume] as unknown as Readonly<Record<string, unknown>>;
  for (const name of Object.hasOwn(REQUIRED_FIELDS, kind) ? (REQUIRED_FIELDS[kind] ?? []) : []) {
    const value = source[name];
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) {
      errors.required(`${field}.${name}`);
    }
  }
  SOURCE_CHECKS.get(kind)?.(volume, errors, field);
}

type SourceCheck = (volume: Volume, errors: FieldErrors, field: string) => void;

/** By kind of source; those without a row need no more than REQUIRED_FIELDS. */
const SOURCE_CHECKS: ReadonlyMap<string, SourceCheck> = new Map<string, SourceCheck>([
  [
    'emptyDir',
    ({ emptyDir }, errors, field) => {
      const isNegative = (tryQuantity(emptyDir?.sizeLimit)?.sign ?? 0) < 0;
      const why = 'SizeLimit field must be a valid resource quantity';
      if (isNegative) errors.forbidden(`${field}.sizeLimit`, why);
    },
  ],
  ['hostPath', checkHostPath],
  [
    'gitRepo',
    ({ gitRepo }, errors, field) => checkDescendingPath(gitRepo?.directory ?? '', errors, `${field}.directory`),
  ],
  [
    'secret',
    ({ secret }, errors, field) => {
      if (!secret?.secretName) errors.required(`${field}.secretName`);
      checkKeys(secret?.items, secret?.defaultMode, errors, field);
    },
  ],
  [
    'configMap',
    ({ configMap }, errors, field) => {
      if (!configMap?.name) errors.required(`${field}.name`);
      checkKeys(configMap?.items, configMap?.defaultMode, errors, field);
    },
  ],
  [
    'downwardAPI',
    ({ downwardAPI }, errors, field) => {
      checkFileMode(downwardAPI?.defaultMode, errors, `${field}.defaultMode`);
      for (const file of downwardAPI?.items ?? []) checkDownwardFile(file, errors, field);
    },
  ],
  [
    'projected',
    ({ projected }, errors, field) => {
      if (projected !== undefined) checkProjected(projected, errors, field);
    },
  ],
  [
    'nfs',
    ({ nfs }, errors, field) => {
      const { path = '' } = nfs ?? {};
      if (!path.startsWith('/')) errors.invalid(`${field}.path`, path, 'must be an absolute path');
    },
  ],
  [
    'csi',
    ({ csi }, errors, field) => {
      if (csi?.driver) checkDriverName(csi.driver, errors, `${field}.driver`);
      const secret = csi?.nodePublishSecretRef;
      if (secret !== undefined && !secret.name) errors.required(`${field}.nodePublishSecretRef.name`);
      else if (secret?.name) addInvalid(errors, `${field}.name`, secret.name, nameIsDnsSubdomain(secret.name, false));
    },
  ],
  [
    'ephemeral',
    ({ ephemeral }, errors, field) => {
      if (ephemeral?.volumeClaimTemplate === undefined) errors.required(`${field}.volumeClaimTemplate`);
    },
  ],
  [
    'image',
    ({ image }, errors, field) => {
      const policy = image?.pullPolicy ?? '';
      const known = ['Always', 'IfNotPresent', 'Never'];
      if (policy !== '' && !known.includes(policy)) errors.notSupported(`${field}.pullPolicy`, policy, known);
    },
  ],
]);

function checkHostPath({ hostPath }: Volume, errors: FieldErrors, field: string): void {
  if (!hostPath?.path) errors.required(`${field}.path`);
  checkNoBacksteps(hostPath?.path ?? '', errors, `${field}.path`);
  const type = hostPath?.type;
  if (type !== undefined && !HOST_PATH_TYPES.includes(type))
    errors.notSupported(`${field}.type`, type, HOST_PATH_TYPES);
}

function checkKeys(
  items: readonly KeyToPath[] = [],
  mode: number | undefined,
  errors: FieldErrors,
  field: string,
): void {
  checkFileMode(mode, errors, `${field}.defaultMode`);
  for (const [i, item] of items.entries()) checkKeyToPath(item, errors, `${field}.items[${i}]`);
}

export function checkKeyToPath({ key, path, mode }: KeyToPath, errors: FieldErrors, field: string): void {
  if (!key) errors.required(`${field}.key`);
  if (!path) errors.required(`${field}.path`);
  checkVolumeFilePath(path ?? '', errors, `${field}.path`);
  checkFileMode(mode, errors, `${field}.mode`);
}

export function checkDownwardFile(file: DownwardAPIVolumeFile, errors: FieldErrors, field: string): void {
  const { path, fieldRef, resourceFieldRef, mode } = file;
  if (!path) errors.required(`${field}.path`);
  checkVolumeFilePath(path ?? '', errors, `${field}.path`);
  if (fieldRef !== undefined) {
    checkFieldRef(fieldRef, VOLUME_FIELD_PATHS, errors, `${field}.fieldRef`);
    if (resourceFieldRef !== undefined) {
      errors.invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
    }
  } else if (resourceFieldRef !== undefined) {
    checkResourceRef(resourceFieldRef, true, errors, `${field}.resourceFieldRef`);
  } else errors.required(field, 'one of fieldRef and resourceFieldRef is required');
  checkFileMode(mode, errors, `${field}.mode`);
}
