/** Rules for the cluster IPs of Services. Source: pkg/apis/core/validation, ValidateServiceClusterIPsRelatedFields. */
import type { Service } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkEnum, checkIp } from '../../support/validation/basic.ts';
import { familyOfIp } from './service.families.ts';

const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const ONCE = 'may not change once set';
const FIELD = 'spec.clusterIPs';

export function checkClusterIps({ spec }: Service, old: Service | undefined, errors: FieldErrors): void {
  if (spec.type === 'ExternalName') return;
  const { clusterIP = '', clusterIPs = [], ipFamilies = [] } = spec;
  checkPrimary(clusterIP, clusterIPs, errors);
  checkFamilies(ipFamilies, errors);
  checkEnum(spec.ipFamilyPolicy, POLICIES, errors, 'spec.ipFamilyPolicy');
  const allValid = checkEach(clusterIPs, old, errors);
  if (clusterIPs.length > 2) errors.invalid(FIELD, clusterIPs, 'may only hold up to 2 values');
  if (allValid && clusterIPs[0] !== 'None') checkAgainstFamilies(clusterIPs, ipFamilies, errors);
}

function checkPrimary(clusterIP: string, clusterIPs: readonly string[], errors: FieldErrors): void {
  if (clusterIP === '') {
    const why = 'must be empty when `clusterIP` is not specified';
    if (clusterIPs.length > 0) errors.invalid(FIELD, clusterIPs, why);
  } else if (clusterIPs.length === 0) errors.required(FIELD);
  else if (clusterIPs[0] !== clusterIP) errors.invalid(FIELD, clusterIPs, 'first value must match `clusterIP`');
}

function checkFamilies(families: readonly string[], errors: FieldErrors): void {
  const seen = new Set<string>();
  for (const [i, family] of families.entries()) {
    checkEnum(family, ['IPv4', 'IPv6'], errors, `spec.ipFamilies[${i}]`);
    if (seen.has(family)) errors.duplicate(`spec.ipFamilies[${i}]`, family);
    seen.add(family);
  }
}

/** True when each is an address, or `None` is the only one. */
function checkEach(clusterIPs: readonly string[], old: Service | undefined, errors: FieldErrors): boolean {
  let allValid = true;
  for (const [i, ip] of clusterIPs.entries()) {
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length === 1) continue;
      allValid = false;
      errors.invalid(FIELD, clusterIPs, "'None' must be the first and only value");
    } else if (!checkIp(ip, errors, `${FIELD}[${i}]`, old?.spec.clusterIPs)) allValid = false;
  }
  return allValid;
}

function checkAgainstFamilies(ips: readonly string[], families: readonly string[], errors: FieldErrors): void {
  if (ips.length > 1 && new Set(ips.map(familyOfIp)).size < 2) {
    errors.invalid(FIELD, ips, 'may specify no more than one IP for each IP family');
  }
  for (const [i, ip] of ips.entries()) {
    const family = families[i];
    if (family === undefined || family === '' || familyOfIp(ip) === family) continue;
    errors.invalid(`${FIELD}[${i}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``);
  }
}

export function checkClusterIpsUpdate(next: Service, old: Service, errors: FieldErrors): void {
  if (next.spec.type === 'ExternalName' || old.spec.type === 'ExternalName') return;
  const headless = (service: Service) => service.spec.clusterIPs?.length === 1 && service.spec.clusterIPs[0] === 'None';
  if (!headless(old) || !headless(next)) checkIpsUpdate(next, old, errors);
  if (!headless(old) && !headless(next)) checkFamiliesUpdate(next, old, errors);
}

function checkIpsUpdate(next: Service, old: Service, errors: FieldErrors): void {
  const before = old.spec.clusterIPs ?? [];
  const after = next.spec.clusterIPs ?? [];
  if (before.length === after.length) {
    for (const [i, ip] of before.entries()) if (ip !== after[i]) errors.invalid(`spec.clusterIPs[${i}]`, after, ONCE);
    return;
  }
  if (after.length === 0) errors.invalid('spec.clusterIPs[0]', after, 'primary clusterIP can not be unset');
  else if (before.length > 0 && after[0] !== before[0]) errors.invalid('spec.clusterIPs[0]', after, ONCE);
  if (before.length > after.length && after.length === 1 && next.spec.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    errors.invalid('spec.ipFamilyPolicy', next.spec.ipFamilyPolicy, why);
  }
}

function checkFamiliesUpdate(next: Service, old: Service, errors: FieldErrors): void {
  const before = old.spec.ipFamilies ?? [];
  const after = next.spec.ipFamilies ?? [];
  const field = 'spec.ipFamilies[0]';
  // A client that leaves the families out keeps them: allocation fills them in again.
  if (after.length === 0) return;
  if (before.length === after.length) {
    for (const [i, family] of before.entries()) if (family !== after[i]) errors.invalid(field, after, ONCE);
    return;
  }
  if (before.length > 0 && after[0] !== before[0]) errors.invalid(field, next.spec.clusterIPs, ONCE);
  if (before.length > after.length && after.length === 1 && next.spec.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    errors.invalid('spec.ipFamilyPolicy', next.spec.ipFamilyPolicy, why);
  }
}
