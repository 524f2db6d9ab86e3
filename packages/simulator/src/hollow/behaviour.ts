/** How the containers of hollow Pods behave: by annotations of the Pod, or as a function of it. */
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { type FakeExit, isSidecar, type ProbeKind } from '@kapella/kubelet';
import { durationMs } from '../duration.ts';
import { type Usage, usageSaid } from './usage.ts';

export interface HollowBehaviour {
  /** When and how a started container ends by itself; undefined: it runs until it is stopped. */
  exit?(pod: Pod, container: Container): FakeExit | undefined;
  /** How long it takes to obey SIGTERM; longer than the grace period: it is killed. */
  stopMs?(pod: Pod, container: Container): number;
  /** How long a pull takes; an Error is what it fails with. */
  pull?(image: string): number | Error;
  /** Whether a probe finds it well. */
  probe?(pod: Pod, container: Container, kind: ProbeKind | 'exec'): boolean;
  /** What a running container uses, as metrics tell it. */
  usage?(pod: Pod, container: Container): Usage;
}

/** Prefix of the annotations; `<name>.<container>` counts before `<name>`. */
export const ANNOTATION_PREFIX = 'hollow.kapella.dev/';
const WORK_MS = 1_000;
const JOB_LABELS = ['batch.kubernetes.io/job-name', 'job-name'];

/**
 * Init containers and containers of Jobs end well after one second, all others run until they are stopped.
 * Annotations of the Pod say otherwise: `exit-after: 30s`, `exit-code: "1"`, `stop-after: 5s`, `healthy: "false"`,
 * `cpu: 250m`, `memory: 64Mi`.
 */
export const defaultBehaviour: Required<HollowBehaviour> = {
  exit(pod, container) {
    const after = annotation(pod, container, 'exit-after');
    const code = Number(annotation(pod, container, 'exit-code') ?? 0);
    if (after !== undefined) return { afterMs: durationMs(after), exitCode: code };
    return endsByItself(pod, container) || code !== 0 ? { afterMs: WORK_MS, exitCode: code } : undefined;
  },
  stopMs: (pod, container) => durationMs(annotation(pod, container, 'stop-after') ?? 0),
  pull: () => 0,
  probe: (pod, container) => annotation(pod, container, 'healthy') !== 'false',
  usage: (pod, container) => usageSaid(annotation(pod, container, 'cpu'), annotation(pod, container, 'memory')),
};

function annotation({ metadata }: Pod, container: Container, name: string): string | undefined {
  const { annotations = {} } = metadata;
  return annotations[`${ANNOTATION_PREFIX}${name}.${container.name}`] ?? annotations[`${ANNOTATION_PREFIX}${name}`];
}

function endsByItself(pod: Pod, container: Container): boolean {
  const isInit = pod.spec.initContainers?.some(({ name }) => name === container.name) === true;
  if (isInit) return !isSidecar(container);
  return JOB_LABELS.some((label) => pod.metadata.labels?.[label] !== undefined);
}
