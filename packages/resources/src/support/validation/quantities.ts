/** Amounts and names of resources. Source: kubernetes pkg/apis/core/validation and pkg/apis/core/helper. */
import { validateQualifiedName } from '@kapella/api';
import type { FieldErrors } from '@kapella/base';
import { tryQuantity } from '../resource-list.ts';
import { addInvalid, NOT_NEGATIVE } from './basic.ts';

const BAD_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
/** cpu, memory and the like: without a domain prefix only these exist. */
const STANDARD = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'storage',
  'pods',
  'services',
  'secrets',
  'configmaps',
  'replicationcontrollers',
  'resourcequotas',
  'persistentvolumeclaims',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'services.nodeports',
  'services.loadbalancers',
]);
const STANDARD_CONTAINER = new Set(['cpu', 'memory', 'ephemeral-storage']);
const INTEGERS = new Set([
  'pods',
  'services',
  'secrets',
  'configmaps',
  'replicationcontrollers',
  'resourcequotas',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);
const HUGEPAGES = 'hugepages-';

export const isHugePages = (name: string) => name.startsWith(HUGEPAGES);
/** Of the cluster itself: no prefix, or one of kubernetes.io. */
export const isNativeResource = (name: string) => !name.includes('/') || name.includes('kubernetes.io/');
/** What devices offer: `example.com/gpu`. */
export const isExtendedResource = (name: string) =>
  !isNativeResource(name) && !name.startsWith('requests.') && validateQualifiedName(`requests.${name}`).length === 0;
/** May limits be above requests. */
export const isOvercommitAllowed = (name: string) => isNativeResource(name) && !isHugePages(name);

export function checkNotNegativeQuantity(amount: string | number, errors: FieldErrors, field: string): void {
  const quantity = tryQuantity(amount);
  if (quantity === undefined) errors.invalid(field, amount, BAD_QUANTITY);
  else if (quantity.sign < 0) errors.invalid(field, quantity.toString(), NOT_NEGATIVE);
}

/** Not negative, and whole where parts make no sense. */
export function checkQuantityValue(name: string, amount: string | number, errors: FieldErrors, field: string): void {
  checkNotNegativeQuantity(amount, errors, field);
  const quantity = tryQuantity(amount);
  if (quantity === undefined || !(INTEGERS.has(name) || isExtendedResource(name))) return;
  if (quantity.scaledValue(-3) % 1000n !== 0n) errors.invalid(field, quantity.toString(), 'must be an integer');
}

export function checkResourceName(name: string, errors: FieldErrors, field: string): boolean {
  const wrong = validateQualifiedName(name);
  addInvalid(errors, field, name, wrong);
  if (wrong.length > 0) return false;
  if (name.includes('/') || STANDARD.has(name) || isHugePages(name)) return true;
  errors.invalid(field, name, 'must be a standard resource type or fully qualified');
  return false;
}

export function checkContainerResourceName(name: string, errors: FieldErrors, field: string): boolean {
  const isName = checkResourceName(name, errors, field);
  if (!name.includes('/')) {
    if (STANDARD_CONTAINER.has(name) || isHugePages(name)) return isName;
    errors.invalid(field, name, 'must be a standard resource for containers');
    return false;
  }
  if (isNativeResource(name) || isExtendedResource(name)) return isName;
  errors.invalid(field, name, "doesn't follow extended resource name standard");
  return false;
}
