/** Cells of volumes and claims. Source: kubernetes pkg/apis/core/v1/helper/helpers.go. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]);
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** `RWO,ROX`: each mode once, in the order of the table. */
export function accessModesText(modes: readonly string[] = []): string {
  return [...SHORT]
    .filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

/** The annotation of old clients wins over the field. */
export function storageClassOf(object: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly storageClassName?: string };
}): string {
  return object.metadata.annotations?.[CLASS_ANNOTATION] ?? object.spec.storageClassName ?? '';
}
