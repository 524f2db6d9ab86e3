/** Rules for PersistentVolumes. Source: kubernetes pkg/apis/core/validation, ValidatePersistentVolume. */
import { nameIsDnsSubdomain } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeSpec } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { addInvalid, checkDnsLabel, checkDnsSubdomain } from '../../support/validation/basic.ts';
import { checkNoBacksteps } from '../../support/validation/paths.ts';
import { checkNodeSelector } from '../../support/validation/scheduling.ts';
import { checkDriverName } from '../../storage/storage.validate.ts';
import { checkAccessModes, checkPositiveSize, checkVolumeMode } from '../persistentvolumeclaim/claim-spec.validate.ts';

const RECLAIM = ['Delete', 'Recycle', 'Retain'];
/** Sources with the fields that they cannot do without. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  hostPath: ['path'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  glusterfs: ['endpoints', 'path'],
  flocker: [],
  nfs: ['server', 'path'],
  rbd: ['monitors', 'image'],
  quobyte: ['registry', 'volume'],
  cephfs: ['monitors'],
  iscsi: ['targetPortal', 'iqn'],
  cinder: ['volumeID'],
  fc: [],
  flexVolume: ['driver'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  local: ['path'],
  storageos: [],
  csi: ['volumeHandle'],
};

export function validatePersistentVolume({ spec }: PersistentVolume, errors: FieldErrors): void {
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: policy } = spec;
  if (accessModes.length === 0) errors.required('spec.accessModes');
  checkAccessModes(accessModes, errors, 'spec.accessModes');
  if (Object.keys(capacity).length === 0) errors.required('spec.capacity');
  if (capacity.storage === undefined || Object.keys(capacity).length > 1) {
    errors.notSupported('spec.capacity', spec.capacity ?? null, ['storage']);
  }
  for (const [name, size] of Object.entries(capacity)) checkPositiveSize(size, errors, `spec.capacity[${name}]`);
  if (policy && !RECLAIM.includes(policy)) errors.notSupported('spec.persistentVolumeReclaimPolicy', policy, RECLAIM);
  if (spec.nodeAffinity !== undefined) {
    if (spec.nodeAffinity.required === undefined) {
      errors.required('spec.nodeAffinity.required', 'must specify required node constraints');
    } else checkNodeSelector(spec.nodeAffinity.required, errors, 'spec.nodeAffinity.required');
  }
  checkSources(spec, errors);
  checkClasses(spec, errors);
}

function checkSources(spec: PersistentVolumeSpec, errors: FieldErrors): void {
  const [first, ...others] = Object.keys(SOURCES).filter(
    (name) => spec[name as keyof PersistentVolumeSpec] !== undefined,
  );
  for (const name of others) errors.forbidden(`spec.${name}`, 'may not specify more than 1 volume type');
  if (first === undefined) {
    errors.required('spec', 'must specify a volume type');
    return;
  }
  checkNeededFields(spec, first, errors);
  if (spec.csi !== undefined) checkCsi(spec.csi, errors, 'spec.csi');
  if (spec.hostPath !== undefined) checkNoBacksteps(spec.hostPath.path ?? '', errors, 'spec.hostPath.path');
  if (spec.local !== undefined) {
    checkNoBacksteps(spec.local.path ?? '', errors, 'spec.local.path');
    if (spec.nodeAffinity?.required === undefined) {
      errors.required('spec.nodeAffinity', 'Local volume requires node affinity');
    }
  }
  if (/^\/+$/.test(spec.hostPath?.path ?? '') && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    errors.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'");
  }
}

const SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

function checkCsi(csi: NonNullable<PersistentVolumeSpec['csi']>, errors: FieldErrors, field: string): void {
  checkDriverName(csi.driver, errors, `${field}.driver`);
  for (const secret of SECRETS) {
    const ref = csi[secret];
    if (ref === undefined) continue;
    if (!ref.name) errors.required(`${field}.${secret}.name`);
    else checkDnsSubdomain(ref.name, errors, `${field}.${secret}.name`);
    if (!ref.namespace) errors.required(`${field}.${secret}.namespace`);
    else checkDnsLabel(ref.namespace, errors, `${field}.${secret}.namespace`);
  }
}

function checkNeededFields(spec: PersistentVolumeSpec, kind: string, errors: FieldErrors): void {
  const source = spec[kind as keyof PersistentVolumeSpec] as unknown as Readonly<Record<string, unknown>>;
  for (const name of SOURCES[kind] ?? []) {
    const value = source[name];
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) {
      errors.required(`spec.${kind}.${name}`);
    }
  }
}

function checkClasses(spec: PersistentVolumeSpec, errors: FieldErrors): void {
  const { storageClassName, volumeAttributesClassName: attributes } = spec;
  if (storageClassName) {
    addInvalid(errors, 'spec.storageClassName', storageClassName, nameIsDnsSubdomain(storageClassName, false));
  }
  checkVolumeMode(spec.volumeMode, errors, 'spec.volumeMode');
  if (attributes === undefined) return;
  const field = 'spec.volumeAttributesClassName';
  if (attributes === '') errors.required(field, 'an empty string is disallowed');
  else addInvalid(errors, field, attributes, nameIsDnsSubdomain(attributes, false));
  if (spec.csi === undefined) errors.required('spec.csi', 'has to be specified when using volumeAttributesClassName');
}

export function validatePersistentVolumeUpdate(
  next: PersistentVolume,
  old: PersistentVolume,
  errors: FieldErrors,
): void {
  validatePersistentVolume(next, errors);
  const sources = ({ spec }: PersistentVolume, withoutSecret: boolean) =>
    Object.keys(SOURCES).map((name) => {
      const source = spec[name as keyof PersistentVolumeSpec];
      return name === 'csi' && withoutSecret && spec.csi
        ? { ...spec.csi, controllerExpandSecretRef: undefined }
        : source;
    });
  // Growing a volume may need a secret that was not known when it was made.
  const secretIsNew = old.spec.csi !== undefined && old.spec.csi.controllerExpandSecretRef === undefined;
  if (!jsonEqual(sources(next, secretIsNew), sources(old, secretIsNew))) {
    errors.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation\n');
  }
  errors.immutable('volumeMode', next.spec.volumeMode, old.spec.volumeMode);
  if (old.spec.nodeAffinity !== undefined && !jsonEqual(next.spec.nodeAffinity, old.spec.nodeAffinity)) {
    const why = 'field is immutable, except for updating from beta label to GA';
    errors.invalid('nodeAffinity', next.spec.nodeAffinity ?? null, why);
  }
  if (old.spec.volumeAttributesClassName !== undefined && next.spec.volumeAttributesClassName === undefined) {
    errors.forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden');
  }
}
