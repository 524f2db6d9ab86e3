/** Bodies of answers byte by byte: what Go's encoder writes, clients compare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import type { AnyDefinition } from '../registry/resource-type.ts';
import { defineResource } from '../resource.ts';
import { startTestServer } from '../test-support.ts';

const CMS = '/api/v1/namespaces/default/configmaps';
const cm = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' } };

test('JSON answers end with a newline, pretty ones do not', async () => {
  const { request } = await startTestServer();
  const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const answers = [
    await request('POST', CMS, cm),
    await request('POST', CMS, cm), // a Status: it is there already
    await request('GET', `${CMS}/a`),
    await request('GET', CMS),
    await request('GET', CMS, undefined, table),
    await request('GET', `${CMS}/a`, undefined, table),
  ];
  for (const { text } of answers) assert.match(text, /^\{.*[^\n]\n$/);
  const pretty = await request('GET', `${CMS}/a?pretty=1`);
  assert.match(pretty.text, /\n\}$/);
});

test('a new object has the status that Go writes for an empty one', async () => {
  const daemonSets: AnyDefinition = defineResource<UnknownObject>({
    id: { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets' },
    names: {},
    scope: 'namespaced',
    clearedOnCreate: ['status'],
    columns: [],
  });
  const { request } = await startTestServer({ resources: [daemonSets] });
  const set = { kind: 'DaemonSet', apiVersion: 'apps/v1', metadata: { name: 'a' }, status: { numberReady: 5 } };
  const { json } = await request('POST', '/apis/apps/v1/namespaces/default/daemonsets', set);
  assert.deepEqual(json.status, {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  });
});
