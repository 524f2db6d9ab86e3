/** Rules for ServiceCIDRs. Source: kubernetes pkg/apis/networking/validation. */
import { parseCidr, validateCidr } from '@kapella/api';
import type { ServiceCIDR } from '@kapella/api/types/networking-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, IMMUTABLE } from '../../support/validation/basic.ts';

const FIELD = 'spec.cidrs';

export function validateServiceCidr({ spec }: ServiceCIDR, errors: FieldErrors): void {
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) {
    errors.required(FIELD, 'at least one CIDR required');
    return;
  }
  if (cidrs.length > 2) {
    errors.invalid(FIELD, { CIDRs: cidrs }, 'may only hold up to 2 values');
    return;
  }
  for (const [i, cidr] of cidrs.entries()) addInvalid(errors, `${FIELD}[${i}]`, cidr, validateCidr(cidr));
  const families = cidrs.map((cidr) => parseCidr(cidr)?.network.family);
  if (families.length === 2 && families[0] !== undefined && families[0] === families[1]) {
    const why = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    errors.invalid(FIELD, cidrs, why);
  }
}

export function validateServiceCidrUpdate(next: ServiceCIDR, old: ServiceCIDR, errors: FieldErrors): void {
  const after = next.spec?.cidrs ?? [];
  const before = old.spec?.cidrs ?? [];
  const grows = before.length === 1 && after.length === 2;
  if (before.length !== after.length && !grows) {
    errors.invalid(FIELD, after, IMMUTABLE);
    return;
  }
  for (const [i, cidr] of before.entries()) {
    if (cidr !== after[i]) errors.invalid(`${FIELD}[${i}]`, after[i], IMMUTABLE);
  }
  if (grows) validateServiceCidr(next, errors);
}
