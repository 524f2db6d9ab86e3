/** Secrets that a Pod names. Source: kubernetes plugin/pkg/admission/serviceaccount/admission.go, limitSecretReferences. */
import type { Container, Pod } from '@kapella/api/types/core-v1';

export interface UsedSecret {
  readonly secret: string | undefined;
  /** How a refusal names the place. */
  readonly what: string;
  readonly isPull: boolean;
}

export function usedSecrets({ spec }: Pod, scope: 'all' | 'ephemeral'): readonly UsedSecret[] {
  const ephemeral = ofContainers('ephemeral container', (spec.ephemeralContainers ?? []) as readonly Container[]);
  if (scope === 'ephemeral') return ephemeral;
  const volumes = (spec.volumes ?? []).flatMap(({ secret }) =>
    secret === undefined ? [] : [use(secret.secretName, `volume with secret.secretName="${secret.secretName ?? ''}"`)],
  );
  const pulls = (spec.imagePullSecrets ?? []).map(({ name }, i) => ({
    secret: name,
    what: `imagePullSecrets[${i}].name="${name ?? ''}"`,
    isPull: true,
  }));
  return [
    ...volumes,
    ...ofContainers('init container', spec.initContainers ?? []),
    ...ofContainers('container', spec.containers),
    ...pulls,
  ];
}

const use = (secret: string | undefined, what: string): UsedSecret => ({ secret, what, isPull: false });

function ofContainers(kind: string, containers: readonly Container[]): UsedSecret[] {
  return containers.flatMap(({ name, env = [], envFrom = [] }) => [
    ...env.flatMap((variable) => {
      const secret = variable.valueFrom?.secretKeyRef;
      if (secret === undefined) return [];
      const place = `${kind} ${name} with envVar ${variable.name} referencing secret.secretName="${secret.name ?? ''}"`;
      return [use(secret.name, place)];
    }),
    ...envFrom.flatMap(({ secretRef }) =>
      secretRef === undefined
        ? []
        : [use(secretRef.name, `${kind} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}"`)],
    ),
  ]);
}
