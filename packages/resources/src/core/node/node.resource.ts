/** v1 Node, as the API server sees it. Source: kubernetes pkg/registry/core/node/strategy.go. */
import { coreV1 } from '@kapella/api';
import type { Node, NodeSpec } from '@kapella/api/types/core-v1';
import { type ConnectSubresource, defineResource } from '@kapella/apiserver';
import { errors } from '@kapella/base';
import { proxyOptions } from '../../support/connect-options.ts';
import { kubeletPort, nodeHost } from '../../support/kubelet.ts';
import { parseProxyName, pathWithQuery } from '../../support/proxy-name.ts';
import { isGlobalUnicast } from '../pod/pod.connects.ts';
import { roundResources } from '../../support/resource-list.ts';
import { nodeColumns } from './node.columns.ts';
import { validateNode, validateNodeUpdate } from './node.validate.ts';

/** To the node agent with the server's own credentials, to any other port without. */
const proxy: ConnectSubresource<Node> = {
  verbs: ['proxy'],
  options: (query, restPath) => proxyOptions('NodeProxyOptions', query, restPath),
  async target(request, restPath) {
    const { scheme, name, port } = parseProxyName(request.name, 'node');
    const node = await request.server.get(coreV1.Node, '', name);
    if (node === undefined) throw errors.notFound({ group: '', resource: 'nodes', name });
    const agentPort = kubeletPort(node);
    const host = nodeHost(node);
    const path = pathWithQuery(restPath, request.query);
    if (port === '' || port === String(agentPort)) {
      return { protocol: 'https', host, port: agentPort, path, kubeletAuth: true };
    }
    if (!isGlobalUnicast(host)) throw errors.badRequest('address not allowed');
    return { protocol: scheme, host, port: Number(port), path, kubeletAuth: false };
  },
};

export const nodeResource = defineResource<Node>({
  id: { group: '', version: 'v1', kind: 'Node', plural: 'nodes', singular: 'node' },
  names: { short: ['no'] },
  scope: 'cluster',
  subresources: { status: { writes: ['status'], validateUpdate: validateNodeUpdate }, connects: { proxy } },
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
  columns: nodeColumns,
  withDefaults(node) {
    const { capacity, allocatable = capacity } = node.status ?? {};
    return {
      ...node,
      spec: withPodCidrs(node.spec ?? {}),
      ...(node.status && {
        status: {
          ...node.status,
          ...(capacity && { capacity: roundResources(capacity) }),
          ...(allocatable && { allocatable: roundResources(allocatable) }),
        },
      }),
    };
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  allowUnconditionalUpdate: true,
});

/** podCIDR is the first of podCIDRs, whichever of them a client knows. */
function withPodCidrs(spec: NodeSpec): NodeSpec {
  if (spec.podCIDR && spec.podCIDR !== spec.podCIDRs?.[0]) return { ...spec, podCIDRs: [spec.podCIDR] };
  const first = spec.podCIDRs?.[0];
  return first !== undefined && !spec.podCIDR ? { ...spec, podCIDR: first } : spec;
}
