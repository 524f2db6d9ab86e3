/** Plugins see objects before they are validated: what is missing must not crash them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@kapella/base';
import { fakeServer, requestFor, testCtx } from '../testing/fake-server.ts';
import { admissionPlugins } from './index.ts';

const RESOURCES: Readonly<Record<string, string>> = {
  pods: 'Pod',
  persistentvolumeclaims: 'PersistentVolumeClaim',
  services: 'Service',
  deployments: 'Deployment',
  ingresses: 'Ingress',
  nodes: 'Node',
  leases: 'Lease',
  priorityclasses: 'PriorityClass',
  certificatesigningrequests: 'CertificateSigningRequest',
};
const PARTS = [
  {},
  { spec: {} },
  { spec: { containers: [{}], volumes: [{}], initContainers: [{}] } },
  { spec: { resources: { requests: { storage: 'much' } }, overhead: { cpu: '' } } },
  { spec: { containers: [{ resources: { limits: { cpu: 'x' }, requests: { memory: '-' } } }] } },
];
const policy = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'baseline' };
const server = fakeServer(
  [
    { kind: 'Namespace', metadata: { name: 'n', labels: policy } },
    { kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'n' } },
    {
      kind: 'LimitRange',
      metadata: { name: 'l', namespace: 'n' },
      spec: {
        limits: [
          { type: 'Container', default: { cpu: '1' }, max: { cpu: '2' } },
          { type: 'Pod', max: { cpu: '2' } },
        ],
      },
    } as never,
    {
      kind: 'ResourceQuota',
      metadata: { name: 'q', namespace: 'n' },
      spec: { hard: { pods: '5', 'requests.storage': '1Gi', services: '9', 'services.nodeports': '1' } },
      status: { hard: { pods: '5', 'requests.storage': '1Gi', services: '9', 'services.nodeports': '1' }, used: {} },
    } as never,
  ],
  { authorizer: { authorize: async () => ({ decision: 'none' }) } },
);

for (const { plugin } of admissionPlugins) {
  test(`${plugin.name} survives objects of which all is missing`, async () => {
    for (const [resource, kind] of Object.entries(RESOURCES)) {
      for (const part of PARTS) {
        const object = { kind, apiVersion: 'v1', metadata: { name: 'x', namespace: 'n' }, ...part } as never;
        for (const operation of ['CREATE', 'UPDATE', 'DELETE'] as const) {
          const request = requestFor(resource, {
            operation,
            object: operation === 'DELETE' ? undefined : object,
            oldObject: operation === 'CREATE' ? undefined : object,
            namespace: 'n',
            name: 'x',
          });
          if (!plugin.handles(request)) continue;
          const run = async () => {
            const admitted = (await plugin.admit?.(request, server, testCtx())) ?? request.object;
            await plugin.validate?.({ ...request, object: admitted as never }, server, testCtx());
          };
          await run().catch((error: unknown) => {
            assert.ok(
              error instanceof ApiError,
              `${operation} ${kind} ${JSON.stringify(part)}: ${(error as Error).stack}`,
            );
          });
        }
      }
    }
  });
}
