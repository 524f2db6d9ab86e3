/** When something in use is protected. Source: kubernetes pkg/controller/volume/protectionutil. */

interface Protected {
  readonly metadata: { readonly finalizers?: readonly string[]; readonly deletionTimestamp?: string };
}

/** Pure: the finalizers to write, or undefined where they stand right. */
export function planFinalizers(object: Protected, finalizer: string, inUse: boolean): string[] | undefined {
  const present = object.metadata.finalizers ?? [];
  const isDeleted = object.metadata.deletionTimestamp !== undefined;
  if (!isDeleted && !present.includes(finalizer)) return [...present, finalizer];
  if (isDeleted && !inUse && present.includes(finalizer)) return present.filter((name) => name !== finalizer);
  return undefined;
}
