/** Which objects a Pod needs on its node. Source: kubernetes plugin/pkg/auth/authorizer/node/graph.go, pkg/api/pod. */
import type { Pod } from '@kapella/api/types/core-v1';

export interface PodReferences {
  readonly serviceAccount: string;
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly resourceClaims: ReadonlySet<string>;
}

type Named = { readonly name?: string } | undefined;

export function podReferences(pod: Pod): PodReferences {
  const secrets = new Set<string>();
  const configMaps = new Set<string>();
  const claims = new Set<string>();
  const add = (set: Set<string>, name: string | undefined) => {
    if (name !== undefined && name !== '') set.add(name);
  };
  const spec = pod.spec;
  for (const { name } of spec?.imagePullSecrets ?? []) add(secrets, name);
  const volumes = spec?.volumes ?? [];
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  for (const source of [...environmentSources(pod), ...projected]) {
    add(secrets, source.secret?.name);
    add(configMaps, source.configMap?.name);
  }
  for (const volume of volumes) {
    add(secrets, volume.secret?.secretName);
    add(configMaps, volume.configMap?.name);
    add(claims, volume.persistentVolumeClaim?.claimName);
    if (volume.ephemeral !== undefined) add(claims, `${pod.metadata.name}-${volume.name}`);
    for (const name of secretsOfVolume(volume)) add(secrets, name);
  }
  const resourceClaims = new Set<string>();
  for (const { resourceClaimName } of spec?.resourceClaims ?? []) add(resourceClaims, resourceClaimName);
  for (const { resourceClaimName } of pod.status?.resourceClaimStatuses ?? []) add(resourceClaims, resourceClaimName);
  return { serviceAccount: spec?.serviceAccountName ?? '', secrets, configMaps, claims, resourceClaims };
}

function environmentSources({ spec }: Pod): readonly { readonly secret: Named; readonly configMap: Named }[] {
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  return containers.flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => ({
      secret: valueFrom?.secretKeyRef as Named,
      configMap: valueFrom?.configMapKeyRef as Named,
    })),
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef as Named, configMap: configMapRef as Named })),
  ]);
}

/** Secrets of network volumes: `secretRef`, `nodePublishSecretRef`. */
function secretsOfVolume(volume: object): string[] {
  const names: string[] = [];
  for (const source of Object.values(volume)) {
    if (typeof source !== 'object' || source === null) continue;
    const { secretRef, nodePublishSecretRef } = source as { secretRef?: Named; nodePublishSecretRef?: Named };
    names.push(secretRef?.name ?? '', nodePublishSecretRef?.name ?? '');
  }
  return names;
}
