/** Rules for storage kinds but StorageClass. Source: kubernetes pkg/apis/storage/validation. */
import { byteLength, nameIsDnsSubdomain, validateLabelSelector, validateQualifiedName } from '@kapella/api';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  VolumeAttachment,
  VolumeAttributesClass,
} from '@kapella/api/types/storage-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { addInvalid, checkNotNegative } from '../support/validation/basic.ts';
import { checkNotNegativeQuantity } from '../support/validation/quantities.ts';

const PARAMETERS_MAX = 512;
const PARAMETERS_SIZE_MAX = 256 * 1024;
const NODE_ID_LENGTH_MAX = 256;
const DRIVER_LENGTH_MAX = 63;
const TOKEN_SECONDS = { min: 600, max: 2 ** 32 };

export function checkProvisioner(provisioner: string | undefined, errors: FieldErrors, field: string): void {
  if (!provisioner) errors.required(field);
  else addInvalid(errors, field, provisioner.toLowerCase(), validateQualifiedName(provisioner.toLowerCase()));
}

export function checkParameters(
  parameters: Readonly<Record<string, string>> | undefined,
  mayBeEmpty: boolean,
  errors: FieldErrors,
): void {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > PARAMETERS_MAX) {
    errors.tooLong('parameters', PARAMETERS_MAX);
    return;
  }
  let size = 0;
  for (const [key, value] of entries) {
    if (key === '') errors.invalid('parameters', key, 'field can not be empty.');
    size += byteLength(key) + byteLength(value);
  }
  if (size > PARAMETERS_SIZE_MAX) errors.tooLong('parameters', PARAMETERS_SIZE_MAX);
  if (!mayBeEmpty && entries.length === 0) errors.required('parameters', 'must contain at least one key/value pair');
}

/** The name of a CSI driver. Source: pkg/apis/core/validation ValidateCSIDriverName. */
export function checkDriverName(name: string | undefined, errors: FieldErrors, field: string): void {
  if (!name) errors.required(field);
  else {
    if (name.length > DRIVER_LENGTH_MAX) errors.tooLong(field, DRIVER_LENGTH_MAX);
    addInvalid(errors, field, name, nameIsDnsSubdomain(name.toLowerCase(), false));
  }
}

export function validateVolumeAttributesClass(item: VolumeAttributesClass, errors: FieldErrors): void {
  checkProvisioner(item.driverName, errors, 'driverName');
  checkParameters(item.parameters, false, errors);
}

const POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const MODES = ['Persistent', 'Ephemeral'];

export function validateCsiDriver({ spec }: CSIDriver, errors: FieldErrors): void {
  const { fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [] } = spec;
  if (fsGroupPolicy !== undefined && !POLICIES.includes(fsGroupPolicy)) {
    errors.notSupported('spec.fsGroupPolicy', fsGroupPolicy, POLICIES);
  }
  checkTokenRequests(tokenRequests, errors);
  for (const mode of volumeLifecycleModes) {
    if (!MODES.includes(mode)) errors.notSupported('spec.volumeLifecycleModes', mode, MODES);
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10) {
    const why = 'must be greater than or equal to 10 seconds';
    errors.invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, why);
  }
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && tokenRequests.length === 0) {
    const why = 'serviceAccountTokenInSecrets is set but no tokenRequests are specified';
    errors.invalid('spec.serviceAccountTokenInSecrets', inSecrets, why);
  }
}

function checkTokenRequests(requests: NonNullable<CSIDriver['spec']['tokenRequests']>, errors: FieldErrors): void {
  const audiences = new Set<string>();
  for (const [i, { audience, expirationSeconds: seconds }] of requests.entries()) {
    const field = `spec.tokenRequests[${i}]`;
    if (audiences.has(audience)) {
      errors.duplicate(`${field}.audience`, audience);
      continue;
    }
    audiences.add(audience);
    if (seconds === undefined) continue;
    const why = 'may not specify a duration';
    if (seconds < TOKEN_SECONDS.min) {
      errors.invalid(`${field}.expirationSeconds`, seconds, `${why} less than 10 minutes`);
    }
    if (seconds > TOKEN_SECONDS.max) {
      errors.invalid(`${field}.expirationSeconds`, seconds, `${why} larger than 2^32 seconds`);
    }
  }
}

export function validateCsiDriverUpdate(next: CSIDriver, old: CSIDriver, errors: FieldErrors): void {
  validateCsiDriver(next, errors);
  errors.immutable('spec.attachedRequired', next.spec.attachRequired, old.spec.attachRequired);
  errors.immutable('spec.volumeLifecycleModes', next.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes);
}

export function validateCsiNode({ spec }: CSINode, errors: FieldErrors): void {
  const names = new Set<string>();
  for (const [i, { name, nodeID, allocatable, topologyKeys = [] }] of (spec?.drivers ?? []).entries()) {
    const field = `spec.drivers[${i}]`;
    checkDriverName(name, errors, `${field}.name`);
    if (!nodeID) errors.required(`${field}.nodeID`);
    else if (nodeID.length > NODE_ID_LENGTH_MAX) {
      errors.invalid(`${field}.nodeID`, nodeID, `must be ${NODE_ID_LENGTH_MAX} characters or less`);
    }
    checkNotNegative(allocatable?.count, errors, `${field}.allocatable.count`);
    if (names.has(name)) errors.duplicate(`${field}.name`, name);
    names.add(name);
    checkTopologyKeys(topologyKeys, errors, field);
  }
}

function checkTopologyKeys(keys: readonly string[], errors: FieldErrors, field: string): void {
  const seen = new Set<string>();
  for (const key of keys) {
    if (key === '') errors.required(field);
    if (seen.has(key)) errors.duplicate(field, key);
    seen.add(key);
    addInvalid(errors, field, key, validateQualifiedName(key));
  }
}

export function validateCsiNodeUpdate(next: CSINode, old: CSINode, errors: FieldErrors): void {
  validateCsiNode(next, errors);
  for (const before of old.spec?.drivers ?? []) {
    const after = next.spec?.drivers?.find((driver) => driver.name === before.name);
    if (after === undefined) continue;
    const { allocatable: _after, ...fixedAfter } = after;
    const { allocatable: _before, ...fixedBefore } = before;
    if (!jsonEqual(fixedAfter, fixedBefore)) errors.invalid('spec.drivers', fixedAfter, 'field is immutable');
  }
}

export function validateVolumeAttachment({ spec }: VolumeAttachment, errors: FieldErrors): void {
  checkDriverName(spec?.attacher, errors, 'spec.attacher');
  const { persistentVolumeName: name, inlineVolumeSpec: inline } = spec?.source ?? {};
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (name === undefined && inline === undefined) errors.required('spec.source', one);
  else if (name !== undefined && inline !== undefined) errors.forbidden('spec.source', one);
  else if (name === '') {
    errors.required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName');
  }
  addInvalid(errors, 'spec.nodeName', spec?.nodeName ?? '', nameIsDnsSubdomain(spec?.nodeName ?? '', false));
  if (name !== undefined) addInvalid(errors, 'spec.source.persistentVolumeName', name, nameIsDnsSubdomain(name, false));
}

export function validateVolumeAttachmentUpdate(
  next: VolumeAttachment,
  old: VolumeAttachment,
  errors: FieldErrors,
): void {
  validateVolumeAttachment(next, errors);
  errors.immutable('spec', next.spec, old.spec);
}

export function validateCsiStorageCapacity(item: CSIStorageCapacity, errors: FieldErrors): void {
  if (item.nodeTopology !== undefined) validateLabelSelector(item.nodeTopology, errors, 'nodeTopology');
  const name = item.storageClassName ?? '';
  addInvalid(errors, 'storageClassName', name, nameIsDnsSubdomain(name, false));
  if (item.capacity !== undefined) checkNotNegativeQuantity(item.capacity, errors, 'capacity');
}

export function validateCsiStorageCapacityUpdate(
  next: CSIStorageCapacity,
  old: CSIStorageCapacity,
  errors: FieldErrors,
): void {
  errors.immutable('nodeTopology', next.nodeTopology, old.nodeTopology);
  errors.immutable('storageClassName', next.storageClassName, old.storageClassName);
}
