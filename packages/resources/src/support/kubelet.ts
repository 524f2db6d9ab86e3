/** Where a node's agent answers. Source: kubernetes pkg/kubelet/client/kubelet_client.go, NodeConnectionInfoGetter. */
import { coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import type { ConnectTarget, ServerAccess } from '@kapella/apiserver';
import { errors } from '@kapella/base';

const KUBELET_PORT = 10250;
const ADDRESS_TYPES = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'] as const;

/** Throws NotFound without the node, InternalError when it has no address yet. */
export async function kubeletTarget(server: ServerAccess, nodeName: string, path: string): Promise<ConnectTarget> {
  const node = await server.get(coreV1.Node, '', nodeName);
  if (node === undefined) throw errors.notFound({ group: '', resource: 'nodes', name: nodeName });
  return { protocol: 'https', host: nodeHost(node), port: kubeletPort(node), path, kubeletAuth: true };
}

export function kubeletPort(node: Node): number {
  return node.status?.daemonEndpoints?.kubeletEndpoint?.Port || KUBELET_PORT;
}

export function nodeHost(node: Node): string {
  for (const type of ADDRESS_TYPES) {
    const found = node.status?.addresses?.find((address) => address.type === type);
    if (found !== undefined) return found.address;
  }
  throw errors.internal(
    `no preferred addresses found; known addresses: ${JSON.stringify(node.status?.addresses ?? [])}`,
  );
}
