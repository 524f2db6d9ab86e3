/** Objects as components of the control plane keep them. Source: upstream's transform of kube-controller-manager and -scheduler. */
import type { KubeObject } from '@kapella/api';

/** What was made of an object that several caches of one process are given: they keep one copy. */
const lean = new WeakMap<KubeObject, KubeObject>();

/** The object, or a copy that shares all but its metadata. A server takes an update without the field for one that leaves it. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const known = lean.get(object);
  if (known !== undefined) return known as T;
  const { managedFields: _, ...metadata } = object.metadata;
  const kept = { ...object, metadata };
  lean.set(object, kept);
  return kept;
}
