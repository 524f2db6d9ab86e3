/** Rules for IPAddresses, whose name is the address. Source: kubernetes pkg/apis/networking/validation. */
import { validateIp, validatePathSegmentName } from '@kapella/api';
import type { IPAddress } from '@kapella/api/types/networking-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkDnsSubdomain } from '../../support/validation/basic.ts';

export function validateIpAddress({ metadata, spec }: IPAddress, errors: FieldErrors): void {
  addInvalid(errors, 'metadata.name', metadata.name, validateIp(metadata.name ?? ''));
  const ref = spec?.parentRef;
  if (ref === undefined) {
    errors.required('spec.parentRef');
    return;
  }
  if (ref.group) checkDnsSubdomain(ref.group, errors, 'spec.parentRef.group');
  for (const key of ['resource', 'name'] as const) {
    if (!ref[key]) errors.required(`spec.parentRef.${key}`);
    else addInvalid(errors, `spec.parentRef.${key}`, ref[key], validatePathSegmentName(ref[key]));
  }
  const { namespace } = ref;
  if (namespace) addInvalid(errors, 'spec.parentRef.namespace', namespace, validatePathSegmentName(namespace));
}

export function validateIpAddressUpdate(next: IPAddress, old: IPAddress, errors: FieldErrors): void {
  errors.immutable('spec.parentRef', next.spec?.parentRef, old.spec?.parentRef);
}
