/** The Service `kube-dns` and where it leads: the address on each node at which the node's DNS server listens. */
import type { NewObject } from '@kapella/api';
import type { Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';

const NAMESPACE = 'kube-system';
const SERVICE_NAME = 'kube-dns';
const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' };

/** Without a selector: its endpoints are the nodes, and a Pod asks its own node (internalTrafficPolicy Local). */
export function dnsService(clusterIP: string): NewObject<Service> {
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: {
      name: SERVICE_NAME,
      namespace: NAMESPACE,
      labels: { ...labels, 'kubernetes.io/cluster-service': 'true' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      ],
    },
  };
}

export interface DnsEndpoint {
  readonly nodeName: string;
  /** An address of the node that its Pods can reach, and the port on which `startDnsServer` listens there. */
  readonly address: string;
  readonly port: number;
}

/** One slice per node, so that each node's agent owns its own. */
export function dnsEndpointSlice({ nodeName, address, port }: DnsEndpoint): NewObject<EndpointSlice> {
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: {
      name: `${SERVICE_NAME}-${nodeName}`,
      namespace: NAMESPACE,
      labels: {
        ...labels,
        'kubernetes.io/service-name': SERVICE_NAME,
        'endpointslice.kubernetes.io/managed-by': 'dns.kapella',
      },
    },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], nodeName, conditions: { ready: true, serving: true, terminating: false } }],
    ports: [
      { name: 'dns', port, protocol: 'UDP' },
      { name: 'dns-tcp', port, protocol: 'TCP' },
    ],
  };
}
