/**
 * Which Pods a Service sends to, and which of their changes matter. Pure.
 * Source: k8s.io/endpointslice/util/controller_utils.go, utils.go.
 */
import type { Container, Pod, Service, ServicePort } from '@kapella/api/types/core-v1';
import { isReady, isTerminal } from '../workload/index.ts';

type Labels = Readonly<Record<string, string>>;

/** Services without a selector, and ExternalName, get no endpoints from controllers. */
export function hasManagedEndpoints(service: Service): boolean {
  return service.spec.type !== 'ExternalName' && service.spec.selector !== undefined && service.spec.selector !== null;
}

/** An absent selector matches nothing; an empty one everything. */
export function selectsLabels(selector: Labels | null | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined || selector === null) return false;
  for (const [key, value] of Object.entries(selector)) {
    if (labels === undefined || !Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  return true;
}

export function podAddresses(pod: Pod): string[] {
  const many = (pod.status?.podIPs ?? []).map(({ ip }) => ip).filter((ip) => ip !== '');
  return many.length > 0 ? many : pod.status?.podIP ? [pod.status.podIP] : [];
}

/** Running, or not yet, with an address. */
export function belongsInEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  if (isTerminal(pod) || podAddresses(pod).length === 0) return false;
  return includeTerminating || pod.metadata.deletionTimestamp === undefined;
}

/** Pods with a hostname in the subdomain of the Service's name get a DNS name of their own. */
export function endpointHostname(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec;
  return hostname && subdomain === service.metadata.name ? hostname : undefined;
}

/** The number behind a target port; undefined where the Pod has no port of that name. */
export function findPort(pod: Pod, { targetPort, port, protocol = 'TCP' }: ServicePort): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...(sidecars as readonly Container[])]) {
    const found = container.ports?.find((p) => p.name === targetPort && (p.protocol ?? 'TCP') === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** Keys of the Services whose endpoints an event on a Pod may change; `services` are those of its namespace. */
export function servicesOfPod(
  pod: Pod,
  old: Pod | undefined,
  deleted: boolean,
  services: readonly Service[],
): string[] {
  const changed = old === undefined || deleted || endpointChanged(old, pod);
  const keys: string[] = [];
  for (const { metadata, spec } of services) {
    const now = selectsLabels(spec.selector, pod.metadata.labels);
    const before = old === undefined ? now : selectsLabels(spec.selector, old.metadata.labels);
    if (now !== before || (changed && (now || before))) keys.push(`${metadata.namespace}/${metadata.name}`);
  }
  return keys;
}

function endpointChanged(old: Pod, pod: Pod): boolean {
  return (
    old.metadata.deletionTimestamp !== pod.metadata.deletionTimestamp ||
    isReady(old) !== isReady(pod) ||
    isTerminal(old) !== isTerminal(pod) ||
    old.spec.hostname !== pod.spec.hostname ||
    old.spec.subdomain !== pod.spec.subdomain ||
    podAddresses(old).join() !== podAddresses(pod).join()
  );
}

/** Headless: no address of its own. */
export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === undefined || spec.clusterIP === '' || spec.clusterIP === 'None';
}

export const isIPv6 = (ip: string) => ip.includes(':');
