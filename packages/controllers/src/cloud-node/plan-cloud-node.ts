/** What a cloud's facts make of a Node. Source: cloud-provider/controllers/{node,nodelifecycle}. */
import type { Node, NodeAddress, Taint } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import type { InstanceMetadata } from '../cloud/cloud-provider.ts';

/** On a node that its cloud has not told about yet. */
export const UNINITIALIZED_TAINT = 'node.cloudprovider.kubernetes.io/uninitialized';
export const SHUTDOWN_TAINT: Taint = { key: 'node.cloudprovider.kubernetes.io/shutdown', effect: 'NoSchedule' };
const PROVIDED_ADDRESS = 'alpha.kubernetes.io/provided-node-ip';

const LABELS = {
  zone: ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  region: ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  instanceType: ['beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type'],
} as const;
const OURS = /(^|\.)(kubernetes|k8s)\.io\//;

export const isUninitialized = ({ spec }: Node): boolean =>
  spec.taints?.some(({ key }) => key === UNINITIALIZED_TAINT) === true;

/** Pure: the Node with its labels and provider ID, without the taint. */
export function initialized(node: Node, metadata: InstanceMetadata): Node {
  const labels = new Map(Object.entries(node.metadata.labels ?? {}));
  for (const fact of ['zone', 'region', 'instanceType'] as const) {
    const value = metadata[fact];
    if (value) for (const label of LABELS[fact]) labels.set(label, value);
  }
  for (const [label, value] of Object.entries(metadata.additionalLabels ?? {})) {
    if (!OURS.test(label) && !labels.has(label)) labels.set(label, value);
  }
  const taints = (node.spec.taints ?? []).filter(({ key }) => key !== UNINITIALIZED_TAINT);
  return {
    ...node,
    metadata: { ...node.metadata, labels: Object.fromEntries(labels) },
    spec: { ...node.spec, taints, providerID: node.spec.providerID || metadata.providerId },
  };
}

/** Pure: labels whose stable name lacks what the older one says. */
export function missingLabels({ metadata }: Node): Record<string, string> | undefined {
  const labels = metadata.labels ?? {};
  const missing = Object.values(LABELS).flatMap(([older, stable]) => {
    const value = labels[older];
    return value !== undefined && labels[stable] !== value ? [[stable, value] as const] : [];
  });
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}

/** Pure: the addresses to write; undefined where they stand right, or the cloud knows none. */
export function plannedAddresses(node: Node, found: readonly NodeAddress[]): readonly NodeAddress[] | undefined {
  if (found.length === 0) return undefined;
  const present = node.status?.addresses ?? [];
  const hostNames = found.some(({ type }) => type === 'Hostname')
    ? []
    : present.filter(({ type }) => type === 'Hostname');
  const all = preferred([...found, ...hostNames], node.metadata.annotations?.[PROVIDED_ADDRESS]);
  return jsonEqual(all, present) ? undefined : all;
}

/** The address that the node agent was given stands first of its type. Throws when the cloud does not know it. */
function preferred(addresses: readonly NodeAddress[], given: string | undefined): readonly NodeAddress[] {
  if (given === undefined) return addresses;
  const match = addresses.find(({ address }) => address === given);
  if (match === undefined) throw new Error(`failed to get node address from cloud provider that matches ip: ${given}`);
  return [match, ...addresses.filter((address) => address !== match)];
}
