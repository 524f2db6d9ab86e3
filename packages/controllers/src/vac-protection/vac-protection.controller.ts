/** A VolumeAttributesClass that a claim or a volume names is not deleted. Source: …/controller/volume/vacprotection. */
import { coreV1, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { planFinalizers } from '../pv-protection/plan-finalizers.ts';

export const VAC_FINALIZER = 'kubernetes.io/vac-protection';
const BY_CLASS = 'by-volume-attributes-class';

/** Pure: the classes that a claim wants, has, or is on its way to. */
export function classesOfClaim({ spec, status }: PersistentVolumeClaim): string[] {
  const wanted = spec?.volumeAttributesClassName;
  const current = status?.currentVolumeAttributesClassName;
  const target = status?.modifyVolumeStatus?.targetVolumeAttributesClassName;
  return [...new Set([wanted, current, target].filter((name): name is string => Boolean(name)))];
}

export function classesOfVolume({ spec }: PersistentVolume): string[] {
  return spec?.volumeAttributesClassName ? [spec.volumeAttributesClassName] : [];
}

/** Pure: of what is no longer named, the names. */
function given<T>(classesOf: (object: T) => string[]) {
  return (object: T, old: T | undefined, deleted: boolean): string[] => {
    if (deleted) return classesOf(object);
    const kept = classesOf(object);
    return old === undefined ? [] : classesOf(old).filter((name) => !kept.includes(name));
  };
}

export function createVacProtectionController({ cache, client }: ControllerDeps): Controller {
  const claims = cache.informer(coreV1.PersistentVolumeClaim);
  const volumes = cache.informer(coreV1.PersistentVolume);
  claims.addIndex(BY_CLASS, classesOfClaim);
  volumes.addIndex(BY_CLASS, classesOfVolume);
  const isUsed = (name: string) => claims.byIndex(BY_CLASS, name).length + volumes.byIndex(BY_CLASS, name).length > 0;
  return defineController({
    name: 'volumeattributesclass-protection-controller',
    primary: storageV1.VolumeAttributesClass,
    watches: [
      { kind: coreV1.PersistentVolumeClaim, keysOf: given(classesOfClaim) },
      { kind: coreV1.PersistentVolume, keysOf: given(classesOfVolume) },
    ],
    async reconcile(name, ctx) {
      const found = cache.get(storageV1.VolumeAttributesClass, name);
      if (found === undefined) return {};
      const finalizers = planFinalizers(found, VAC_FINALIZER, isUsed(name));
      if (finalizers === undefined) return {};
      const next = { ...found, metadata: { ...found.metadata, finalizers } };
      await client.update(storageV1.VolumeAttributesClass, next, ctx);
      return {};
    },
  });
}
