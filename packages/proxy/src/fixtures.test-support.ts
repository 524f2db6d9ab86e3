/** Small Services and EndpointSlices for tests. */
import type { Service } from '@kapella/api/types/core-v1';
import type { Endpoint, EndpointSlice } from '@kapella/api/types/discovery-v1';
import type { ProxyNode } from './model.ts';

export const testNode: ProxyNode = {
  name: 'n1',
  nodePortAddresses: ['192.0.2.1'],
  podCIDRs: ['10.244.0.0/16'],
  families: ['IPv4'],
};

const meta = (name: string) => ({ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' });

export function testService(name: string, spec: Partial<Service['spec']>, status?: Service['status']): Service {
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: meta(name),
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.10', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

export function testSlice(service: string, endpoints: readonly Endpoint[], port = 8080, name = ''): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { ...meta(`${service}-abc`), labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name, port, protocol: 'TCP' }],
  };
}

export const testEndpoint = (ip: string, nodeName = 'n1', conditions: Endpoint['conditions'] = {}): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions,
});
