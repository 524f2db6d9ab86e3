/** Objects as components of the control plane keep them. Source: upstream's transform of kube-controller-manager and -scheduler. */
import type { KubeObject } from '@kapella/api';

/** What is kept of an object. */
export type Keep = <T extends KubeObject>(object: T) => T;

/** Parts that are kept to be shared: those of the templates in use, as good as always. */
const PARTS_MAX = 4_096;

/** What was made of an object that several caches of one process are given: they keep one copy. */
const lean = new WeakMap<KubeObject, KubeObject>();

function remembered<T extends KubeObject>(object: T, make: () => T): T {
  const known = lean.get(object);
  if (known !== undefined) return known as T;
  const kept = make();
  lean.set(object, kept);
  return kept;
}

/** The object, or a copy that shares all but its metadata. A server takes an update without the field for one that leaves it. */
export const withoutManagedFields: Keep = (object) => {
  if (object.metadata.managedFields === undefined) return object;
  return remembered(object, () => {
    const { managedFields: _, ...metadata } = object.metadata;
    return { ...object, metadata };
  });
};

/**
 * For Pods: without managedFields, and what Pods of one template have in common (containers, volumes, labels, owners …) is
 * kept once for all of them, a third of the memory otherwise.
 */
export function createPodKeep(): Keep {
  const parts = new Map<string, unknown>();
  const shared = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const text = JSON.stringify(value);
    const known = parts.get(text);
    if (known !== undefined) return known;
    if (parts.size >= PARTS_MAX) parts.clear();
    parts.set(text, value);
    return value;
  };
  const withShared = <T extends object>(object: T): T =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, shared(value)])) as T;
  return (object) =>
    remembered(object, () => {
      const { managedFields: _, ...metadata } = object.metadata;
      const { spec, ...rest } = object as KubeObject & { readonly spec?: object };
      const kept = { ...rest, metadata: withShared(metadata), ...(spec && { spec: withShared(spec) }) };
      return kept as unknown as typeof object;
    });
}
