/** Whatever a client leaves out is a field error at most, never a crash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createErrors, given, updateErrors } from './testing/harness.ts';
import { resources } from './index.ts';

const PARTS: readonly object[] = [
  {},
  { spec: {} },
  { spec: { template: {} } },
  { spec: { template: { spec: {} }, jobTemplate: { spec: {} }, selector: {} } },
  { spec: { template: { spec: { containers: [{}] } }, containers: [{}], ports: [{}], rules: [{}], metrics: [{}] } },
  { spec: { rules: [{ http: { paths: [{}] } }], ingress: [{ from: [{}], ports: [{}] }], egress: [{}], tls: [{}] } },
  { spec: { volumes: [{}], containers: [{ env: [{}], ports: [{}], livenessProbe: {}, volumeMounts: [{}] }] } },
  {
    spec: {
      limits: [{}],
      hard: {},
      scopeSelector: { matchExpressions: [{}] },
      behavior: { scaleUp: { policies: [{}] } },
    },
  },
  { spec: { drivers: [{}], source: {}, groups: [{}], taints: [{}], volumeClaimTemplates: [{}], updateStrategy: {} } },
  { rules: [{}], subjects: [{}], webhooks: [{}], subsets: [{}], endpoints: [{}], ports: [{}], data: {}, secrets: [{}] },
  { status: {}, roleRef: {}, involvedObject: {}, target: {}, allowedTopologies: [{}] },
];

for (const definition of resources.filter((row) => row.validate !== undefined)) {
  const { group, version, plural } = definition.id;
  test(`${group}/${version} ${plural} survives objects of which all is missing`, () => {
    for (const part of PARTS) {
      const object = () => given({ kind: definition.id.kind, ...part });
      assert.doesNotThrow(() => createErrors(definition, object()), JSON.stringify(part));
      assert.doesNotThrow(() => updateErrors(definition, object(), object()), JSON.stringify(part));
    }
  });
}
