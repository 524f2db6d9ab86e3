/** Defaults of volumes. Source: kubernetes pkg/apis/core/v1/defaults.go and the `+default` markers of core/v1 types. */
import type { DownwardAPIVolumeFile, ObjectFieldSelector, Volume, VolumeProjection } from '@kapella/api/types/core-v1';
import { defaultPullPolicy } from './image.ts';

const FILE_MODE = 0o644;

/** A volume without a source is an emptyDir. */
export function withVolumeDefaults(volume: Volume): Volume {
  const { name, ...sources } = volume;
  if (Object.values(sources).every((source) => source === undefined || source === null)) return { name, emptyDir: {} };
  return { ...volume, ...withFileDefaults(volume), ...withNetworkDefaults(volume) };
}

function withFileDefaults(volume: Volume): Partial<Volume> {
  const { secret, configMap, downwardAPI, projected, hostPath, image } = volume;
  return {
    ...(secret && { secret: { ...secret, defaultMode: secret.defaultMode ?? FILE_MODE } }),
    ...(configMap && { configMap: { ...configMap, defaultMode: configMap.defaultMode ?? FILE_MODE } }),
    ...(downwardAPI && {
      downwardAPI: {
        ...downwardAPI,
        ...(downwardAPI.items && { items: downwardAPI.items.map(withDownwardDefaults) }),
        defaultMode: downwardAPI.defaultMode ?? FILE_MODE,
      },
    }),
    ...(projected && {
      projected: {
        ...projected,
        ...(projected.sources && { sources: projected.sources.map(withProjectionDefaults) }),
        defaultMode: projected.defaultMode ?? FILE_MODE,
      },
    }),
    ...(hostPath && { hostPath: { ...hostPath, type: hostPath.type ?? '' } }),
    ...(image && { image: { ...image, pullPolicy: image.pullPolicy || defaultPullPolicy(image.reference ?? '') } }),
    ...withClaimDefaults(volume),
  };
}

function withClaimDefaults({ ephemeral }: Volume): Partial<Volume> {
  const template = ephemeral?.volumeClaimTemplate;
  if (!template) return {};
  const spec = { ...template.spec, volumeMode: template.spec?.volumeMode ?? 'Filesystem' };
  return { ephemeral: { ...ephemeral, volumeClaimTemplate: { ...template, spec } } };
}

function withNetworkDefaults(volume: Volume): Partial<Volume> {
  const { iscsi, rbd, azureDisk, scaleIO } = volume;
  return {
    ...(iscsi && { iscsi: { ...iscsi, iscsiInterface: iscsi.iscsiInterface || 'default' } }),
    ...(rbd && {
      rbd: {
        ...rbd,
        pool: rbd.pool || 'rbd',
        user: rbd.user || 'admin',
        keyring: rbd.keyring || '/etc/ceph/keyring',
      },
    }),
    ...(azureDisk && {
      azureDisk: {
        ...azureDisk,
        cachingMode: azureDisk.cachingMode ?? 'ReadWrite',
        kind: azureDisk.kind ?? 'Shared',
        fsType: azureDisk.fsType ?? 'ext4',
        readOnly: azureDisk.readOnly ?? false,
      },
    }),
    ...(scaleIO && {
      scaleIO: {
        ...scaleIO,
        storageMode: scaleIO.storageMode || 'ThinProvisioned',
        fsType: scaleIO.fsType || 'xfs',
      },
    }),
  };
}

function withProjectionDefaults(source: VolumeProjection): VolumeProjection {
  const { serviceAccountToken, downwardAPI } = source;
  return {
    ...source,
    ...(serviceAccountToken && {
      serviceAccountToken: { ...serviceAccountToken, expirationSeconds: serviceAccountToken.expirationSeconds ?? 3600 },
    }),
    ...(downwardAPI?.items && { downwardAPI: { ...downwardAPI, items: downwardAPI.items.map(withDownwardDefaults) } }),
  };
}

function withDownwardDefaults(file: DownwardAPIVolumeFile): DownwardAPIVolumeFile {
  const { fieldRef, resourceFieldRef } = file;
  return {
    ...file,
    ...(fieldRef && { fieldRef: withFieldRefDefaults(fieldRef) }),
    ...(resourceFieldRef && {
      resourceFieldRef: { ...resourceFieldRef, divisor: resourceFieldRef.divisor || '0' },
    }),
  };
}

export function withFieldRefDefaults(ref: ObjectFieldSelector): ObjectFieldSelector {
  return { ...ref, apiVersion: ref.apiVersion || 'v1' };
}
