/** Warnings about Pod specs. Source: kubernetes pkg/api/pod/warnings.go. */
import type { Container, PodSpec } from '@kapella/api/types/core-v1';

interface Meta {
  readonly annotations?: Readonly<Record<string, string>>;
}

const DEPRECATED_NODE_LABELS: ReadonlyMap<string, string> = new Map([
  ['beta.kubernetes.io/arch', 'kubernetes.io/arch'],
  ['beta.kubernetes.io/os', 'kubernetes.io/os'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type'],
]);

function hiddenEnvWarnings({ env = [] }: Container, field: string): string[] {
  const found: string[] = [];
  const names = new Set<string>();
  for (const [j, { name }] of env.entries()) {
    const hides = `hides previous definition of "${name}", which may be dropped when using apply`;
    if (names.has(name)) found.push(`${field}.env[${j}]: ${hides}`);
    names.add(name);
  }
  return found;
}

export function podSpecWarnings(spec: PodSpec, meta: Meta, specField: string, metaField: string): readonly string[] {
  const found: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const better = DEPRECATED_NODE_LABELS.get(key);
    if (better !== undefined)
      found.push(`${specField}.nodeSelector[${key}]: deprecated since v1.14; use "${better}" instead`);
  }
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    if (volume.gitRepo !== undefined) found.push(`${specField}.volumes[${i}].gitRepo: deprecated in v1.11`);
  }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    found.push(
      `${specField}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  for (const [i, container] of spec.containers.entries()) {
    found.push(...hiddenEnvWarnings(container, `${specField}.containers[${i}]`));
  }
  const seccomp = 'seccomp.security.alpha.kubernetes.io/pod';
  if (meta.annotations?.[seccomp] !== undefined) {
    found.push(
      `${metaField}.annotations[${seccomp}]: non-functional in v1.27+; use the "seccompProfile" field instead`,
    );
  }
  return found;
}
