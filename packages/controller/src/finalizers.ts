/** Finalizers. Source: controller-runtime pkg/controller/controllerutil. */

interface Finalized {
  readonly metadata: { readonly finalizers?: readonly string[] };
}

export function hasFinalizer(object: Finalized, name: string): boolean {
  return object.metadata.finalizers?.includes(name) ?? false;
}

/** The same object when it has the finalizer already. */
export function withFinalizer<T extends Finalized>(object: T, name: string): T {
  if (hasFinalizer(object, name)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...(object.metadata.finalizers ?? []), name] } };
}

/** The same object when it has not the finalizer. */
export function withoutFinalizer<T extends Finalized>(object: T, name: string): T {
  if (!hasFinalizer(object, name)) return object;
  const finalizers = (object.metadata.finalizers ?? []).filter((present) => present !== name);
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
