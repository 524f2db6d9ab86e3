/** What the runtime has of one Pod. Source: kubernetes pkg/kubelet/container/runtime.go (PodStatus). */
import type { Container, EphemeralContainer, Pod, PodSpec } from '@kapella/api/types/core-v1';
import type { CriContainerUser, RuntimeContainerState } from '../cri/cri.ts';

export interface ObservedContainer {
  /** Without the runtime's scheme. */
  readonly id: string;
  readonly name: string;
  readonly state: RuntimeContainerState;
  /** Hash of what the container was made from; '' when its annotation is missing. */
  readonly hash: string;
  readonly restartCount: number;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageRef: string;
  readonly logPath: string;
  readonly sandboxId: string;
  readonly user?: CriContainerUser;
}

export interface ObservedSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly hostNetwork: boolean;
  readonly ips: readonly string[];
}

export interface ObservedPod {
  /** Newest first. */
  readonly sandboxes: readonly ObservedSandbox[];
  /** Newest first; several of one name are successive instances. */
  readonly containers: readonly ObservedContainer[];
}

export const nothingObserved: ObservedPod = { sandboxes: [], containers: [] };

/** The newest instance of that name. */
export const latest = (observed: ObservedPod, name: string): ObservedContainer | undefined =>
  observed.containers.find((container) => container.name === name);

/** A container that starts before the main ones and stays: `restartPolicy: Always` on an init container. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

export type AnyContainer = Container | EphemeralContainer;
export type ContainerKind = 'init' | 'main' | 'ephemeral';

/** Any container of the spec by name, and which list it is in. */
export function findContainer(
  spec: PodSpec,
  name: string,
): { container: AnyContainer; kind: ContainerKind } | undefined {
  const main = spec.containers.find((c) => c.name === name);
  if (main !== undefined) return { container: main, kind: 'main' };
  const init = spec.initContainers?.find((c) => c.name === name);
  if (init !== undefined) return { container: init, kind: 'init' };
  const ephemeral = spec.ephemeralContainers?.find((c) => c.name === name);
  return ephemeral === undefined ? undefined : { container: ephemeral, kind: 'ephemeral' };
}

/** `web_default(5c0f…)`: how messages name a Pod. Source: kubernetes pkg/kubelet/util/format. */
export const describePod = ({ metadata }: Pod): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`;

/** A Go %v of a list of strings. */
export const formatList = (items: readonly string[]): string => `[${items.join(' ')}]`;
