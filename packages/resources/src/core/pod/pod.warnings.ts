/** Warnings about Pods on creation. Source: kubernetes pkg/registry/core/pod/strategy.go, WarningsOnCreate. */
import { validateDns1123Label } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { podSpecWarnings } from '../../support/pod-warnings.ts';
import { goList } from '../../support/warnings.ts';

const HOSTNAME =
  "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: ";

export function podWarnings(pod: Pod, old: Pod | undefined): readonly string[] {
  if (old !== undefined) return [];
  const wrong = validateDns1123Label(pod.metadata.name ?? '');
  const named = wrong.length > 0 ? [`${HOSTNAME}${goList(wrong)}`] : [];
  return [...named, ...podSpecWarnings(pod.spec, pod.metadata, 'spec', 'metadata')];
}
