/** The shape of a check, and the words they share. Source: pod-security-admission/policy/helpers.go. */
import type { Container, Pod } from '@kapella/api/types/core-v1';

export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export interface CheckedPod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: Pod['spec'];
}

/** Undefined: the Pod is within the rule. */
export type Check = (pod: CheckedPod) => Violation | undefined;

export function containersOf({ spec }: CheckedPod): readonly Container[] {
  const ephemeral = (spec.ephemeralContainers ?? []) as readonly Container[];
  return [...(spec.initContainers ?? []), ...spec.containers, ...ephemeral];
}

export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
export const sortedSet = (names: Iterable<string>): string[] => [...new Set(names)].sort();
export const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);

/** `container "a"`, `containers "a", "b"`. */
export function named(names: readonly string[]): string {
  return `${plural('container', 'containers', names.length)} ${quoted(names)}`;
}

/** `pod and container "a"`: who set something bad. */
export function setters(pod: boolean, containers: readonly string[]): string {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [named(containers)] : [])].join(' and ');
}

/** The check, but for Pods that say they are of Windows. */
export const butForWindows =
  (check: Check): Check =>
  (pod) =>
    isWindows(pod) ? undefined : check(pod);

/** The check, but for Pods in a user namespace of their own. */
export const butForUserNamespaces =
  (check: Check): Check =>
  (pod) =>
    pod.spec.hostUsers === false ? undefined : check(pod);

const isWindows = ({ spec }: CheckedPod) => spec.os?.name === 'windows';
