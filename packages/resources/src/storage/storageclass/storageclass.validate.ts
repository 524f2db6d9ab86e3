/** Rules for StorageClasses. Source: kubernetes pkg/apis/storage/validation. */
import { validateLabelName } from '@kapella/api';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { checkEnum } from '../../support/validation/basic.ts';
import { checkParameters, checkProvisioner } from '../storage.validate.ts';

const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

export function validateStorageClass(item: StorageClass, errors: FieldErrors): void {
  checkProvisioner(item.provisioner, errors, 'provisioner');
  checkParameters(item.parameters, true, errors);
  checkEnum(item.reclaimPolicy, ['Delete', 'Retain'], errors, 'reclaimPolicy');
  const mode: string | undefined = item.volumeBindingMode;
  if (mode === '') errors.notSupported('volumeBindingMode', mode, BINDING_MODES);
  else checkEnum(mode, BINDING_MODES, errors, 'volumeBindingMode', true);
  const terms: Expressions[] = [];
  for (const [i, { matchLabelExpressions = [] }] of (item.allowedTopologies ?? []).entries()) {
    const list = `allowedTopologies[${i}].matchLabelExpressions`;
    checkTopology(matchLabelExpressions, errors, list);
    if (terms.some((term) => isSameTerm(term, matchLabelExpressions))) errors.duplicate(list, '');
    terms.push(matchLabelExpressions);
  }
}

type Topology = NonNullable<StorageClass['allowedTopologies']>[number];
type Expressions = NonNullable<Topology['matchLabelExpressions']>;

/** The same keys, each with the same values, in any order. */
function isSameTerm(a: Expressions, b: Expressions): boolean {
  const plain = (term: Expressions) => Object.fromEntries(term.map(({ key, values = [] }) => [key, values.toSorted()]));
  return jsonEqual(plain(a), plain(b));
}

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
  validateStorageClass(next, errors);
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) {
    errors.immutable(field, next[field], old[field]);
  }
}
