/** Rules for StorageClasses. Source: kubernetes pkg/apis/storage/validation. */
import { validateLabelName } from '@kapella/api';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import type { FieldErrors } from '@kapella/base';
import { checkEnum } from '../../support/validation/basic.ts';
import { checkParameters, checkProvisioner } from '../storage.validate.ts';

export function validateStorageClass(item: StorageClass, errors: FieldErrors): void {
  checkProvisioner(item.provisioner, errors, 'provisioner');
  checkParameters(item.parameters, true, errors);
  checkEnum(item.reclaimPolicy, ['Delete', 'Retain'], errors, 'reclaimPolicy');
  checkEnum(item.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], errors, 'volumeBindingMode', true);
  for (const [i, { matchLabelExpressions = [] }] of (item.allowedTopologies ?? []).entries()) {
    checkTopology(matchLabelExpressions, errors, `allowedTopologies[${i}].matchLabelExpressions`);
  }
}

type Topology = NonNullable<StorageClass['allowedTopologies']>[number];
type Expressions = NonNullable<Topology['matchLabelExpressions']>;

function checkTopology(expressions: Expressions, errors: FieldErrors, list: string): void {
  const keys = new Set<string>();
  for (const [j, { key, values = [] }] of expressions.entries()) {
    const field = `${list}[${j}]`;
    if (values.length === 0) errors.required(`${field}.values`);
    for (const [k, value] of values.entries()) {
      if (values.indexOf(value) !== k) errors.duplicate(`${field}.values[${k}]`, value);
    }
    validateLabelName(key, errors, `${field}.key`);
    if (keys.has(key)) errors.duplicate(`${field}.key`, key);
    keys.add(key);
  }
}

export function validateStorageClassUpdate(next: StorageClass, old: StorageClass, errors: FieldErrors): void {
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) {
    errors.immutable(field, next[field], old[field]);
  }
}
