/** Secrets that a node needs for a PersistentVolume. Pure. Source: kubernetes pkg/api/persistentvolume VisitPVSecretNames. */
import type { PersistentVolume } from '@kapella/api/types/core-v1';

/** `namespace/name`; where the volume says no namespace, it is its claim's. Those of the controller alone are left out. */
export function volumeSecrets({ spec }: PersistentVolume): readonly string[] {
  const own = spec?.claimRef?.namespace ?? '';
  const found: string[] = [];
  const add = (ref: { readonly name?: string; readonly namespace?: string } | undefined, namespace = own) => {
    if (ref?.name) found.push(`${ref.namespace || namespace}/${ref.name}`);
  };
  const { azureFile, csi, ...sources } = spec ?? {};
  if (azureFile?.secretName) found.push(`${azureFile.secretNamespace || own}/${azureFile.secretName}`);
  add(csi?.nodeStageSecretRef);
  add(csi?.nodePublishSecretRef);
  add(csi?.nodeExpandSecretRef);
  for (const source of Object.values(sources)) {
    if (typeof source === 'object' && source !== null && 'secretRef' in source)
      add(source.secretRef as { name?: string });
  }
  return found;
}
