/** Extended resources that device classes stand for. Source: kubernetes …/dynamicresources/extendeddynamicresources.go. */
import type { DeviceClass } from '@kapella/api/types/resource-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';

const CLASS_PREFIX = 'deviceclass.resource.kubernetes.io/';

/** The class whose devices answer a request for this resource; of several the newest, then the first by name. */
export function deviceClassOfResource(resource: string, lookup: ClusterLookup): DeviceClass | undefined {
  if (!resource.includes('/')) return undefined;
  if (resource.startsWith(CLASS_PREFIX)) return lookup.get('DeviceClass', resource.slice(CLASS_PREFIX.length));
  return lookup
    .list('DeviceClass')
    .filter((deviceClass) => deviceClass.spec.extendedResourceName === resource)
    .toSorted(
      ({ metadata: a }, { metadata: b }) =>
        compare(b.creationTimestamp, a.creationTimestamp) || compare(a.name, b.name),
    )[0];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
