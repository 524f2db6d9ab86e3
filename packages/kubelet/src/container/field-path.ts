/** The downward API: fields of the Pod and resources of a container as text. Source: kubernetes pkg/fieldpath, pkg/api/v1/resource. */
import { Quantity } from '@kapella/api';
import type { Container, Pod, ResourceFieldSelector } from '@kapella/api/types/core-v1';
import type { PodFacts } from './facts.ts';

/** Throws an Error that names the field when it is not supported. */
export function podField(path: string, pod: Pod, facts: PodFacts): string {
  const { metadata, spec } = pod;
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels ?? {});
    case 'metadata.annotations':
      return formatMap(metadata.annotations ?? {});
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIps[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIps.join(',');
    case 'status.podIP':
      return facts.podIps[0] ?? '';
    case 'status.podIPs':
      return facts.podIps.join(',');
    default:
      return subscript(path, pod);
  }
}

/** `metadata.labels['app']`, `metadata.annotations['x/y']`. */
function subscript(path: string, { metadata }: Pod): string {
  const match = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (match === null) throw new Error(`unsupported fieldPath: ${path}`);
  const map = (match[1] === 'labels' ? metadata.labels : metadata.annotations) ?? {};
  const key = match[2] as string;
  return Object.hasOwn(map, key) ? (map[key] as string) : '';
}

/** Sorted `key="value"` lines, values quoted as Go quotes them. */
export function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

export interface NodeAllocatable {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly ephemeralBytes: number;
}

/** A limit that is not set reads as what the node has; rounded up to whole divisors. */
export function resourceField(selector: ResourceFieldSelector, container: Container, node: NodeAllocatable): string {
  const dot = selector.resource.indexOf('.');
  const which = selector.resource.slice(0, dot);
  const name = selector.resource.slice(dot + 1);
  const { limits = {}, requests = {} } = container.resources ?? {};
  const pick = (map: Readonly<Record<string, string>>) => (Object.hasOwn(map, name) ? map[name] : undefined);
  if (which !== 'limits' && which !== 'requests') {
    throw new Error(`unsupported container resource : ${selector.resource}`);
  }
  const own = which === 'limits' ? pick(limits) : pick(requests);
  const fallback = which === 'limits' ? nodeAmount(name, node) : '0';
  return divideUp(Quantity.parse(own ?? fallback), divisorOf(selector), name === 'cpu');
}

function nodeAmount(name: string, node: NodeAllocatable): string {
  if (name === 'cpu') return `${node.cpuMilli}m`;
  if (name === 'memory') return String(node.memoryBytes);
  return name === 'ephemeral-storage' ? String(node.ephemeralBytes) : '0';
}

function divisorOf({ divisor }: ResourceFieldSelector): Quantity {
  const parsed = Quantity.parse(divisor ?? '0');
  return parsed.isZero ? Quantity.parse('1') : parsed;
}

function divideUp(amount: Quantity, divisor: Quantity, milli: boolean): string {
  const [a, b] = milli ? [amount.milliValue(), divisor.milliValue()] : [amount.value(), divisor.value()];
  return String(Math.ceil(Number(a) / Number(b)));
}
