/** A new node takes no Pods before it is ready. Source: kubernetes plugin/pkg/admission/nodetaint/admission.go. */
import type { Node } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { asObject, isFor, withSpec } from '../../support/request.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: (request) => request.operation === 'CREATE' && isFor(request, 'nodes') && request.subresource === '',

  async admit(request) {
    const node = withSpec<Node>(request.object);
    const taints = node.spec?.taints ?? [];
    if (taints.some((taint) => taint.key === NOT_READY && taint.effect === 'NoSchedule')) return undefined;
    return asObject({ ...node, spec: { ...node.spec, taints: [...taints, { key: NOT_READY, effect: 'NoSchedule' }] } });
  },
};
