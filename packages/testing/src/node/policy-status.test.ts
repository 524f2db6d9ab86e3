/** The types of admission policies, checked against what the server itself says of its kinds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admissionregistrationV1 } from '@kapella/api';
import { startTestCluster } from './index.ts';

const CRONTABS = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', kind: 'CronTab' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { replicas: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
};

const policy = (name: string, [group, version, resource]: readonly string[], ...expressions: string[]) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name },
  spec: {
    matchConstraints: {
      resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations: ['CREATE'] }],
    },
    validations: expressions.map((expression) => ({ expression })),
  },
});

test('policies for built-in kinds and custom ones are type-checked', async () => {
  await using cluster = await startTestCluster({
    controllers: ['validatingadmissionpolicy-status-controller'],
    crds: [CRONTABS],
  });
  const deployments = ['apps', 'v1', 'deployments'];
  const crontabs = ['stable.example.com', 'v1', 'crontabs'];
  await cluster.apply(policy('fine', deployments, 'object.spec.replicas > 1'));
  await cluster.apply(
    policy(
      'pods',
      ['', 'v1', 'pods'],
      "object.spec.containers.all(c, c.name.size() > c.image && c.resources.requests['cpu'] != '1')",
    ),
  );
  await cluster.apply(policy('custom', crontabs, "object.spec.replicas > '1'", 'object.spec.maxRetries < 10'));
  await cluster.apply(policy('metadata', crontabs, "object.metadata.name == 'x' && object.spec.replicas > 1"));
  const warnings = async (name: string) => {
    const status = await cluster.eventually(`${name} is checked`, async () => {
      const kind = admissionregistrationV1.ValidatingAdmissionPolicy;
      const found = await cluster.client.get(kind, { name }, cluster.ctx);
      return found?.status?.typeChecking !== undefined && found.status;
    });
    assert.equal(status.observedGeneration, 1);
    return (status.typeChecking?.expressionWarnings ?? []).map(({ warning }) => warning.split('\n')[0]);
  };
  assert.deepEqual(await warnings('fine'), []);
  assert.deepEqual(await warnings('metadata'), []);
  assert.deepEqual(await warnings('pods'), [
    "/v1, Kind=Pod: ERROR: <input>:1:45: found no matching overload for '_>_' applied to '(int, string)'",
  ]);
  const at = 'stable.example.com/v1, Kind=CronTab: ERROR: <input>';
  assert.deepEqual(await warnings('custom'), [
    `${at}:1:22: found no matching overload for '_>_' applied to '(int, string)'`,
    `${at}:1:12: undefined field 'maxRetries'`,
  ]);
});
