/** Which Services have load balancers, and of which nodes. Source: cloud-provider/controllers/service/controller.go. */
import type { Node, Service } from '@kapella/api/types/core-v1';
import { semanticEqual } from '../shared/values.ts';

export const LB_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';
const GO_TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const GO_FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);
const NAMES_MAX = 20;

/** A class of its own says that someone else makes it. */
export const wantsLoadBalancer = ({ spec }: Service): boolean =>
  spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined;

export function needsCleanup({ metadata, spec }: Service): boolean {
  if (metadata.finalizers?.includes(LB_FINALIZER) !== true) return false;
  return metadata.deletionTimestamp !== undefined || spec.type !== 'LoadBalancer';
}

/** What a cloud may care about. */
export function needsUpdate(next: Service, old: Service): boolean {
  const wanted = wantsLoadBalancer(next);
  if (wanted !== wantsLoadBalancer(old)) return true;
  return wanted && !semanticEqual(facts(next), facts(old));
}

function facts({ metadata, spec }: Service) {
  const { loadBalancerSourceRanges, sessionAffinity, sessionAffinityConfig, loadBalancerIP, externalIPs } = spec;
  const { externalTrafficPolicy, healthCheckNodePort, ports } = spec;
  return {
    ...{ loadBalancerSourceRanges, sessionAffinity, sessionAffinityConfig, loadBalancerIP, externalIPs },
    ...{ externalTrafficPolicy, healthCheckNodePort, ports, families: spec.ipFamilies?.length },
    ...{ annotations: metadata.annotations, uid: metadata.uid },
  };
}

/** Readiness does not count: a node comes and goes too often for a cloud. */
export function isBackend({ metadata, spec }: Node): boolean {
  const isTainted = spec.taints?.some(({ key }) => key === TO_BE_DELETED_TAINT) === true;
  return metadata.deletionTimestamp === undefined && isIncluded(metadata.labels?.[EXCLUDE_LABEL]) && !isTainted;
}

const isIncluded = (label: string | undefined) => label === undefined || (!GO_TRUE.has(label) && GO_FALSE.has(label));

/** What of a node concerns load balancers: upstream leaves its addresses out. */
export const nodeChanged = (next: Node, old: Node): boolean =>
  isIncluded(next.metadata.labels?.[EXCLUDE_LABEL]) !== isIncluded(old.metadata.labels?.[EXCLUDE_LABEL]) ||
  nodeText(next) !== nodeText(old);

function nodeText({ metadata, spec, status }: Node): string {
  const addresses = (status?.addresses ?? []).map(({ type, address }) => `${type}=${address}`);
  return [metadata.name, spec.providerID, ...addresses].join(' ');
}

/** The same names with the same provider IDs and addresses. */
export function sameNodes(a: readonly Node[], b: readonly Node[]): boolean {
  const text = (nodes: readonly Node[]) => nodes.map(nodeText).sort().join('\n');
  return a.length === b.length && text(a) === text(b);
}

/** As Go prints a list of names: `[a b <3 more>]`. */
export function nodeNamesText(nodes: readonly Node[]): string {
  const names = nodes
    .slice(0, NAMES_MAX)
    .map(({ metadata }) => metadata.name)
    .sort();
  if (nodes.length > NAMES_MAX) names.push(`<${nodes.length - NAMES_MAX} more>`);
  return `[${names.join(' ')}]`;
}
