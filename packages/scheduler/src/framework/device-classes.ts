/**
 * Extended resources that device classes stand for.
 * Source: k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache, kubernetes pkg/scheduler/util/utils.go.
 */
import type { DeviceClass } from '@kapella/api/types/resource-v1';
import type { ClusterLookup } from './cluster-lookup.ts';

const CLASS_PREFIX = 'deviceclass.resource.kubernetes.io/';

/** The name of an extended resource, or one made of a class's name. */
export function canBeDeviceBacked(resource: string): boolean {
  if (!resource.includes('/')) return false;
  return resource.startsWith(CLASS_PREFIX) || !(isNative(resource) || resource.startsWith('requests.'));
}

/** Of several classes for one resource the newest counts, then the first by name. */
export function deviceClassOf(resource: string, lookup: ClusterLookup): DeviceClass | undefined {
  if (!canBeDeviceBacked(resource)) return undefined;
  if (resource.startsWith(CLASS_PREFIX)) return lookup.get('DeviceClass', resource.slice(CLASS_PREFIX.length));
  let found: DeviceClass | undefined;
  for (const candidate of lookup.list('DeviceClass')) {
    if (candidate.spec.extendedResourceName !== resource) continue;
    if (found === undefined || isPreferred(candidate, found)) found = candidate;
  }
  return found;
}

/** Those of the resources that a class stands for. */
export function deviceBacked(resources: Iterable<string>, lookup: ClusterLookup): ReadonlySet<string> {
  const backed = new Set<string>();
  for (const resource of resources) if (deviceClassOf(resource, lookup) !== undefined) backed.add(resource);
  return backed;
}

/** Whether the class stands for the resource. */
export function standsFor({ metadata, spec }: DeviceClass, resource: string): boolean {
  return spec.extendedResourceName === resource || resource === `${CLASS_PREFIX}${metadata.name}`;
}

function isNative(resource: string): boolean {
  const domain = resource.slice(0, resource.indexOf('/'));
  return domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io');
}

function isPreferred({ metadata: a }: DeviceClass, { metadata: b }: DeviceClass): boolean {
  if (a.creationTimestamp !== b.creationTimestamp) return (a.creationTimestamp ?? '') > (b.creationTimestamp ?? '');
  return a.name < b.name;
}
