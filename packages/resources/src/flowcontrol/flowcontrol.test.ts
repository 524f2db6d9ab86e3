/** What the API server says to FlowSchemas and PriorityLevelConfigurations that are wrong. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FlowSchema, PriorityLevelConfiguration } from '@kapella/api/types/flowcontrol-v1';
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from '@kapella/apiserver';
import { createErrors, given } from '../testing/harness.ts';
import { flowSchemaResource } from './flowschema/flowschema.resource.ts';
import { priorityLevelConfigurationResource } from './prioritylevelconfiguration/prioritylevelconfiguration.resource.ts';

const level = (spec: object, name = 'x') => given<PriorityLevelConfiguration>({ metadata: { name }, spec });
const schema = (spec: object, name = 'x') => given<FlowSchema>({ metadata: { name }, spec });
const levelErrors = (spec: object, name?: string) =>
  createErrors(priorityLevelConfigurationResource, level(spec, name));
const schemaErrors = (spec: object, name?: string) => createErrors(flowSchemaResource, schema(spec, name));
const queue = (queuing: object) => ({ type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing } } });

test('what upstream ships is right', () => {
  for (const { metadata, spec } of [...MANDATORY_LEVELS, ...SUGGESTED_LEVELS]) {
    assert.deepEqual(levelErrors(spec, metadata.name), [], metadata.name);
  }
  for (const { metadata, spec } of [...MANDATORY_SCHEMAS, ...SUGGESTED_SCHEMAS]) {
    assert.deepEqual(schemaErrors(spec, metadata.name), [], metadata.name);
  }
});

describe('a priority level', () => {
  test('is one of two types, with what belongs to it', () => {
    assert.deepEqual(levelErrors({ type: 'Limited' }), [
      'spec.limited: Required value: must not be empty when type is Limited',
    ]);
    assert.deepEqual(levelErrors({ type: 'Other' }), [
      'spec.type: Unsupported value: "Other": supported values: "Exempt", "Limited"',
    ]);
    assert.match(String(levelErrors({ type: 'Exempt' })), /must be 'Exempt' if and only if `name` is 'exempt'/);
    const limited = { lendablePercent: 101, borrowingLimitPercent: -1, limitResponse: { type: 'Reject', queuing: {} } };
    assert.deepEqual(levelErrors({ type: 'Limited', limited }), [
      'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
      'spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited',
      'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
    ]);
  });

  test('deals hands that can be dealt', () => {
    assert.deepEqual(levelErrors(queue({ queues: 4, handSize: 5 })), [
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)',
    ]);
    assert.match(
      String(levelErrors(queue({ queues: 512, handSize: 10 }))),
      /required entropy bits of deckSize 512 and handSize 10 should not be greater than 60/,
    );
  });

  test('that is mandatory stays as it is, but for what exempt requests count', () => {
    const reject = { limitResponse: { type: 'Reject' }, nominalConcurrencyShares: 6 };
    const changed = String(levelErrors({ type: 'Limited', limited: reject }, 'catch-all'));
    assert.match(changed, /spec of 'catch-all' must equal the fixed value/);
    assert.deepEqual(levelErrors({ type: 'Exempt', exempt: { nominalConcurrencyShares: 7 } }, 'exempt'), []);
  });
});

test('a schema names a level, its rules somebody and something', () => {
  const rule = {
    subjects: [
      { kind: 'User', user: { name: '' }, group: { name: 'g' } },
      { kind: 'ServiceAccount', serviceAccount: { name: 'a' } },
      { kind: 'Role' },
    ],
    resourceRules: [{ verbs: ['*', 'get'], apiGroups: [''], resources: ['pods'], namespaces: ['A_B'] }],
    nonResourceRules: [{ verbs: ['head'], nonResourceURLs: ['metrics', '/a*', '/b//c'] }],
  };
  const found = schemaErrors({ priorityLevelConfiguration: { name: '' }, matchingPrecedence: 1, rules: [rule, {}] });
  for (const part of [
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
    'spec.rules[0].subjects[0].user.name: Required value',
    "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
    'spec.rules[0].subjects[1].serviceAccount.namespace: Required value: must specify namespace for service account',
    'spec.rules[0].subjects[2].kind: Unsupported value: "Role": supported values: "Group", "ServiceAccount", "User"',
    'spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs',
    'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "metrics": must start with slash',
    'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a*": wildcard can only do suffix matching',
    'spec.rules[1].subjects: Required value: subjects must contain at least one value',
    'spec.rules[1]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
  ]) {
    assert.ok(found.includes(part), `${part}\nis not in\n${found.join('\n')}`);
  }
  assert.ok(found.some((text) => text.includes("each member of this list must be '*' or a DNS-1123 label")));
});
