/** Pods stay 5 minutes on a node that went away. Source: kubernetes plugin/pkg/admission/defaulttolerationseconds. */
import type { Toleration } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { asObject, isFor, podOf } from '../../support/request.ts';

const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;
const TOLERATION_SECONDS = 300;

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: (request) =>
    isFor(request, 'pods') &&
    request.subresource === '' &&
    (request.operation === 'CREATE' || request.operation === 'UPDATE'),

  async admit(request) {
    const pod = podOf(request);
    const tolerations = pod.spec.tolerations ?? [];
    const missing = TAINTS.filter((taint) => !tolerations.some((toleration) => covers(toleration, taint)));
    if (missing.length === 0) return undefined;
    const added = missing.map(
      (key): Toleration => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: TOLERATION_SECONDS,
      }),
    );
    return asObject({ ...pod, spec: { ...pod.spec, tolerations: [...tolerations, ...added] } });
  },
};

function covers({ key = '', effect }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || !effect);
}
