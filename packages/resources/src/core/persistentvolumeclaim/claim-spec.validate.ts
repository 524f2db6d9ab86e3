/** Rules for claim specs. Source: kubernetes pkg/apis/core/validation, ValidatePersistentVolumeClaimSpec. */
import { nameIsDnsLabel, nameIsDnsSubdomain, validateLabelSelector } from '@kapella/api';
import type { PersistentVolumeClaimSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { tryQuantity } from '../../support/resource-list.ts';
import { addInvalid, checkDnsSubdomain, POSITIVE } from '../../support/validation/basic.ts';
import { checkNotNegativeQuantity } from '../../support/validation/quantities.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];

export function checkAccessModes(modes: readonly string[], errors: FieldErrors, field: string): void {
  for (const mode of modes) if (!MODES.includes(mode)) errors.notSupported(field, mode, MODES);
  const single = modes.includes('ReadWriteOncePod');
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && MODES.includes(mode));
  if (single && others) errors.forbidden(field, 'may not use ReadWriteOncePod with other access modes');
}

export function checkVolumeMode(mode: string | undefined, errors: FieldErrors, field: string): void {
  if (mode !== undefined && !VOLUME_MODES.includes(mode)) errors.notSupported(field, mode, VOLUME_MODES);
}

export function checkPositiveSize(size: string, errors: FieldErrors, field: string): void {
  const quantity = tryQuantity(size);
  if (quantity === undefined) checkNotNegativeQuantity(size, errors, field);
  else if (quantity.sign <= 0) errors.invalid(field, quantity.toString(), POSITIVE);
}

export function validateClaimSpec(spec: PersistentVolumeClaimSpec, errors: FieldErrors, field: string): void {
  const { accessModes = [], storageClassName, volumeAttributesClassName: attributes } = spec;
  if (accessModes.length === 0) errors.required(`${field}.accessModes`, 'at least 1 access mode is required');
  if (spec.selector !== undefined) validateLabelSelector(spec.selector, errors, `${field}.selector`);
  checkAccessModes(accessModes, errors, `${field}.accessModes`);
  const size = spec.resources?.requests?.storage;
  if (size === undefined) errors.required(`${field}.resources[storage]`);
  else checkPositiveSize(size, errors, `${field}.resources[storage]`);
  if (storageClassName) {
    addInvalid(errors, `${field}.storageClassName`, storageClassName, nameIsDnsSubdomain(storageClassName, false));
  }
  checkVolumeMode(spec.volumeMode, errors, `${field}.volumeMode`);
  checkSources(spec, errors, field);
  if (attributes) {
    addInvalid(errors, `${field}.volumeAttributesClassName`, attributes, nameIsDnsSubdomain(attributes, false));
  }
}

type DataSource = NonNullable<PersistentVolumeClaimSpec['dataSource']>;

function checkSource(source: DataSource, errors: FieldErrors, field: string): void {
  if (!source.name) errors.required(`${field}.name`);
  if (!source.kind) errors.required(`${field}.kind`);
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
    errors.invalid(field, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  }
  if (source.apiGroup) checkDnsSubdomain(source.apiGroup, errors, `${field}.apiGroup`);
}

function checkSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  errors: FieldErrors,
  field: string,
): void {
  if (dataSource !== undefined) checkSource(dataSource, errors, `${field}.dataSource`);
  if (dataSourceRef !== undefined) checkSource(dataSourceRef, errors, `${field}.dataSourceRef`);
  const namespace = dataSourceRef?.namespace;
  if (namespace) {
    addInvalid(errors, `${field}.dataSourceRef.namespace`, namespace, nameIsDnsLabel(namespace, false));
    if (dataSource !== undefined) {
      errors.invalid(field, `${field}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified');
    }
  } else if (dataSource !== undefined && dataSourceRef !== undefined) {
    const same = (['apiGroup', 'kind', 'name'] as const).every((key) => dataSource[key] === dataSourceRef[key]);
    if (!same) errors.invalid(field, `${field}.dataSource`, 'must match dataSourceRef');
  }
}
