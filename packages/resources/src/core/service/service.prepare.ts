/** Defaults and strategy of Services. Source: kubernetes pkg/apis/core/v1/defaults.go, registry/core/service/strategy.go. */
import type { Service, ServicePort, ServiceSpec } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { isExternallyAccessible, needsClusterIp, needsHealthCheckPort, needsNodePort } from './service.families.ts';

const AFFINITY_TIMEOUT_SECONDS = 10_800;

export function withServiceDefaults(service: Service): Service {
  const spec = service.spec ?? {};
  const type = spec.type || 'ClusterIP';
  const { sessionAffinityConfig: affinity, ...rest } = spec;
  const sessionAffinity = spec.sessionAffinity || 'None';
  const timeoutSeconds = affinity?.clientIP?.timeoutSeconds ?? AFFINITY_TIMEOUT_SECONDS;
  const next: ServiceSpec = {
    ...rest,
    ...(rest.ports && { ports: rest.ports.map(withPortDefaults) }),
    sessionAffinity,
    ...(sessionAffinity === 'ClientIP' && { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }),
    ...(sessionAffinity !== 'ClientIP' &&
      sessionAffinity !== 'None' &&
      affinity && { sessionAffinityConfig: affinity }),
    type,
    ...(type !== 'ExternalName' && { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' }),
    ...(type === 'LoadBalancer' && { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }),
  };
  const policy = isExternallyAccessible({ ...service, spec: next }) && !spec.externalTrafficPolicy;
  return withIngressModes({ ...service, spec: policy ? { ...next, externalTrafficPolicy: 'Cluster' } : next });
}

function withPortDefaults(port: ServicePort): ServicePort {
  const target = port.targetPort;
  const unset = target === undefined || target === 0 || target === '';
  return { ...port, protocol: port.protocol || 'TCP', targetPort: unset ? port.port : target };
}

function withIngressModes(service: Service): Service {
  const ingress = service.status?.loadBalancer?.ingress;
  if (service.spec.type !== 'LoadBalancer' || ingress === undefined) return service;
  const withMode = ingress.map((item) => (item.ip && item.ipMode === undefined ? { ...item, ipMode: 'VIP' } : item));
  return {
    ...service,
    status: { ...service.status, loadBalancer: { ...service.status?.loadBalancer, ingress: withMode } },
  };
}

export function prepareServiceForCreate(service: Service): Service {
  const { clusterIP, clusterIPs = [] } = service.spec;
  const spec = clusterIP && clusterIPs.length === 0 ? { ...service.spec, clusterIPs: [clusterIP] } : service.spec;
  return { ...service, spec, status: { loadBalancer: {} } };
}

/** What a client leaves out on update is taken from the stored Service where that is still meant. */
export function prepareServiceForUpdate(next: Service, old: Service): Service {
  const normalized = normalizeClusterIps({ ...next, status: old.status }, old);
  return dropTypeDependent(patchAllocated(normalized, old), old);
}

function normalizeClusterIps(next: Service, old: Service): Service {
  const { clusterIP = '', clusterIPs = [] } = next.spec;
  const oldIp = old.spec.clusterIP ?? '';
  const oldIps = old.spec.clusterIPs ?? [];
  const same = jsonEqual(clusterIPs, oldIps);
  const withIps = (ips: readonly string[] | undefined) => ({ ...next, spec: { ...next.spec, clusterIPs: ips } });
  if (clusterIP === oldIp) return oldIps.length > 0 && clusterIPs.length === 0 ? withIps(oldIps) : next;
  if (oldIp !== '' && clusterIP === '') return same ? withIps(undefined) : next;
  return same ? withIps([clusterIP]) : next;
}

function patchAllocated(next: Service, old: Service): Service {
  let spec = next.spec;
  if (needsClusterIp(old) && needsClusterIp(next)) {
    if (!spec.clusterIP && old.spec.clusterIP) spec = { ...spec, clusterIP: old.spec.clusterIP };
    if (!spec.clusterIPs?.length && old.spec.clusterIPs?.length) spec = { ...spec, clusterIPs: old.spec.clusterIPs };
  }
  if (needsNodePort(old) && needsNodePort(next)) spec = { ...spec, ...patchedPorts(spec, old.spec) };
  if (needsHealthCheckPort(old) && needsHealthCheckPort(next) && !spec.healthCheckNodePort) {
    spec = { ...spec, healthCheckNodePort: old.spec.healthCheckNodePort };
  }
  return { ...next, spec };
}

function patchedPorts(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  if (spec.ports === undefined) return {};
  const asked = new Set(spec.ports.map((port) => port.nodePort).filter(Boolean));
  const byName = new Map((old.ports ?? []).map((port) => [port.name ?? '', port.nodePort]));
  const ports = spec.ports.map((port) => {
    const known = byName.get(port.name ?? '');
    return port.nodePort || !known || asked.has(known) ? port : { ...port, nodePort: known };
  });
  return { ports };
}

/** Fields that no longer apply go away unless the client changed them in the same write. */
function dropTypeDependent(next: Service, old: Service): Service {
  const spec: Record<string, unknown> = { ...next.spec };
  const dropUnchanged = (...fields: (keyof ServiceSpec)[]) => {
    for (const field of fields) if (jsonEqual(next.spec[field], old.spec[field])) delete spec[field];
  };
  if (needsClusterIp(old) && !needsClusterIp(next)) {
    if (jsonEqual(next.spec.clusterIPs, old.spec.clusterIPs)) dropUnchanged('clusterIP', 'clusterIPs');
    dropUnchanged('ipFamilies', 'ipFamilyPolicy');
  }
  if (needsNodePort(old) && !needsNodePort(next) && sameNodePorts(next, old)) {
    spec.ports = next.spec.ports?.map(({ nodePort: _dropped, ...port }) => port);
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(next)) dropUnchanged('healthCheckNodePort');
  if (old.spec.type === 'LoadBalancer' && next.spec.type !== 'LoadBalancer') {
    dropUnchanged('allocateLoadBalancerNodePorts', 'loadBalancerClass');
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(next)) dropUnchanged('externalTrafficPolicy');
  const status = next.spec.type === 'LoadBalancer' ? next.status : { ...next.status, loadBalancer: {} };
  return { ...next, spec: spec as ServiceSpec, status };
}

function sameNodePorts(next: Service, old: Service): boolean {
  const ports = (service: Service) =>
    (service.spec.ports ?? [])
      .map((p) => p.nodePort ?? 0)
      .filter((p) => p !== 0)
      .sort((a, b) => a - b);
  return ports(next).length === 0 || jsonEqual(ports(next), ports(old));
}
