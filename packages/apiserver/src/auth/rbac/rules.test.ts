/** RBAC rules against requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attributes } from '../contract.ts';
import { type PolicyRule, ruleAllows } from './rules.ts';

const request = (overrides: Partial<Attributes>): Attributes => ({
  user: { username: 'u', groups: [] },
  verb: 'get',
  isResource: true,
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'n',
  name: 'x',
  path: '',
  ...overrides,
});

test('verbs, groups, resources with subresources, names', () => {
  const rows: readonly [PolicyRule, Partial<Attributes>, boolean][] = [
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }, {}, true],
    [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }, {}, false],
    [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { group: 'apps', resource: 'deployments', subresource: 'scale' },
      true,
    ],
    [{ verbs: ['get'], apiGroups: ['apps'], resources: ['pods'] }, {}, false],
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }, { subresource: 'log' }, false],
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods/log'] }, { subresource: 'log' }, true],
    [{ verbs: ['get'], apiGroups: [''], resources: ['*/log'] }, { subresource: 'log' }, true],
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['y'] }, {}, false],
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] }, {}, true],
    [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }, { isResource: false, path: '/healthz' }, true],
    [{ verbs: ['get'], nonResourceURLs: ['/api/*'] }, { isResource: false, path: '/api/v1' }, true],
    [{ verbs: ['get'], nonResourceURLs: ['/api'] }, { isResource: false, path: '/api/v1' }, false],
    [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { isResource: false, path: '/metrics' }, false],
  ];
  for (const [rule, overrides, allowed] of rows) {
    assert.equal(ruleAllows(rule, request(overrides)), allowed, `${JSON.stringify(rule)} ${JSON.stringify(overrides)}`);
  }
});
