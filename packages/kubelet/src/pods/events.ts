/** Events about a Pod and its containers. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { EventRecorder } from '@kapella/client';
import { findContainer } from '../lifecycle/observed.ts';

export type PodEvent = (type: 'Normal' | 'Warning', reason: string, message: string, container?: string) => void;

const LISTS = { main: 'containers', init: 'initContainers', ephemeral: 'ephemeralContainers' } as const;

export function podEvents(recorder: EventRecorder, pod: Pod): PodEvent {
  const about = { kind: 'Pod', apiVersion: 'v1', metadata: pod.metadata };
  return (type, reason, message, container) => {
    const found = container === undefined ? undefined : findContainer(pod.spec, container);
    const options = found === undefined ? {} : { fieldPath: `spec.${LISTS[found.kind]}{${container}}` };
    recorder.event(about, type, reason, message, options);
  };
}
