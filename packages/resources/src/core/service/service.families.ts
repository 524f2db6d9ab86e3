/** clusterIP(s) and ipFamilies of a Service. Source: kubernetes pkg/registry/core/service/storage/alloc.go. */
import { parseIp } from '@kapella/api';
import type { Service, ServiceSpec } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import type { IpFamilyName } from './ip-networks.ts';

export const needsClusterIp = (service: Service) => service.spec.type !== 'ExternalName';
export const isHeadless = (service: Service) =>
  service.spec.clusterIPs?.[0] === 'None' || service.spec.clusterIP === 'None';
export const needsNodePort = ({ spec }: Service) =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
export const needsHealthCheckPort = ({ spec }: Service) =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
export const isExternallyAccessible = ({ spec }: Service) =>
  spec.type === 'LoadBalancer' ||
  spec.type === 'NodePort' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);

export function familyOfIp(ip: string): IpFamilyName {
  return parseIp(ip)?.family === 6 ? 'IPv6' : 'IPv4';
}

const otherFamily = (family: string): IpFamilyName => (family === 'IPv4' ? 'IPv6' : 'IPv4');

/** The Service with policy and families filled in; adds errors where they contradict the cluster's networks. */
export function withIpFamilies(
  service: Service,
  old: Service | undefined,
  clusterFamilies: readonly IpFamilyName[],
  errors: FieldErrors,
): Service {
  if (!needsClusterIp(service)) return service;
  const selectorless = isHeadless(service) && Object.keys(service.spec.selector ?? {}).length === 0;
  const policy = service.spec.ipFamilyPolicy ?? old?.spec.ipFamilyPolicy ?? defaultPolicy(selectorless);
  const isSingle = policy === 'SingleStack';
  const { clusterIPs = [], ipFamilies: given = [] } = isSingle ? withoutSecond(service.spec, old?.spec) : service.spec;
  if (isSingle) refuseSecond(clusterIPs, given, policy, errors);
  else if (old !== undefined) {
    refuseSilentRelease({ ...service.spec, clusterIPs, ipFamilies: given }, old.spec, policy, errors);
  }
  const known = inferred(clusterIPs, given, clusterFamilies, errors);
  if (!errors.any && !selectorless) checkCluster(policy, known, clusterFamilies, errors);
  if (errors.any) return service;
  const wantsTwo = !isSingle && (selectorless || clusterFamilies.length === 2);
  const ipFamilies = known.length < 2 ? filledUp(known[0] ?? clusterFamilies[0] ?? 'IPv4', wantsTwo) : known;
  const ips = clusterIPs.length === 0 ? {} : { clusterIPs };
  return { ...service, spec: { ...service.spec, ...ips, ipFamilies, ipFamilyPolicy: policy } };
}

const defaultPolicy = (selectorless: boolean) => (selectorless ? 'RequireDualStack' : 'SingleStack');

const filledUp = (first: Families[number], wantsTwo: boolean): Families =>
  wantsTwo ? [first, otherFamily(first)] : [first];

/** What the client did not change follows the policy. */
function withoutSecond({ clusterIPs = [], ipFamilies = [] }: ServiceSpec, old: ServiceSpec | undefined) {
  const follows = (now: readonly string[], before: readonly string[] | undefined) =>
    old !== undefined && now.length > 1 && jsonEqual(now, before);
  return {
    clusterIPs: follows(clusterIPs, old?.clusterIPs) ? clusterIPs.slice(0, 1) : clusterIPs,
    ipFamilies: follows(ipFamilies, old?.ipFamilies) ? ipFamilies.slice(0, 1) : ipFamilies,
  };
}

function refuseSilentRelease(spec: ServiceSpec, old: ServiceSpec, policy: string, errors: FieldErrors): void {
  const reduced = (a: readonly string[] | undefined, b: readonly string[] | undefined) =>
    a?.length === 1 && b?.length === 2 && a[0] === b[0];
  if (reduced(spec.clusterIPs, old.clusterIPs)) {
    errors.invalid('spec.ipFamilyPolicy', policy, "must be 'SingleStack' to release the secondary cluster IP");
  }
  if (reduced(spec.ipFamilies, old.ipFamilies)) {
    errors.invalid('spec.ipFamilyPolicy', policy, "must be 'SingleStack' to release the secondary IP family");
  }
}

function refuseSecond(ips: readonly string[], families: readonly string[], policy: string, errors: FieldErrors): void {
  const must = (what: string) => `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
  if (ips.length === 2) errors.invalid('spec.ipFamilyPolicy', policy, must('cluster IPs'));
  if (families.length === 2) errors.invalid('spec.ipFamilyPolicy', policy, must('IP families'));
}

type Families = NonNullable<ServiceSpec['ipFamilies']>;

function inferred(
  ips: readonly string[],
  families: Families,
  clusterFamilies: readonly IpFamilyName[],
  errors: FieldErrors,
): Families {
  const found = [...families];
  for (const [i, ip] of ips.entries()) {
    if (ip === 'None') break;
    const family = familyOfIp(ip);
    if (i < found.length) continue;
    if (clusterFamilies.includes(family)) found.push(family);
    else errors.invalid(`spec.clusterIPs[${i}]`, ips, `${family} is not configured on this cluster`);
  }
  return found;
}

function checkCluster(
  policy: string,
  families: Families,
  clusterFamilies: readonly IpFamilyName[],
  errors: FieldErrors,
): void {
  if (policy === 'RequireDualStack' && clusterFamilies.length < 2) {
    errors.invalid('spec.ipFamilyPolicy', policy, 'this cluster is not configured for dual-stack services');
  }
  for (const [i, family] of families.entries()) {
    if (!clusterFamilies.includes(family as IpFamilyName)) {
      errors.invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster');
    }
  }
}
