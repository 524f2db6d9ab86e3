/** Priority and fairness through the API: objects take effect, requests wait or are refused, the objects come back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { coreV1, flowcontrolV1, rbacV1 } from '@kapella/api';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { ensureFlowControl } from './bootstrap/flow-control.ts';
import { eventually, startTestApi, type TestApi } from './testing/node/test-api.ts';

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
const slow = { username: 'slow', groups: ['system:masters', 'system:authenticated'] };
let release: (() => void)[] = [];
/** Holds every Namespace whose name begins with `slow-` until it is let go. */
const holding: AdmissionPlugin = {
  name: 'Holding',
  handles: ({ kind, name }) => kind.kind === 'Namespace' && name.startsWith('slow-'),
  validate: () => new Promise((resolve) => void release.push(resolve)),
};

describe('priority and fairness', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi({ limits: { readsMax: 10, writesMax: 10 } }, [holding]);
  });
  after(() => api.close());

  test('the bootstrap objects are there, none dangles, and answers name what they fell under', async () => {
    const { items } = await api.client.list(flowcontrolV1.FlowSchema, {}, api.ctx);
    assert.equal(items.length, 11);
    const levels = await api.client.list(flowcontrolV1.PriorityLevelConfiguration, {}, api.ctx);
    assert.equal(levels.items.length, 8);
    await eventually('no schema dangles', async () => {
      const { items } = await api.client.list(flowcontrolV1.FlowSchema, {}, api.ctx);
      return items.every(({ status }) => status?.conditions?.[0]?.status === 'False');
    });
    const answer = await api.request(admin, 'GET', '/api/v1/namespaces');
    const exempt = items.find(({ metadata }) => metadata.name === 'exempt');
    assert.equal(answer.headers['x-kubernetes-pf-flowschema-uid'], exempt?.metadata.uid);
    const level = levels.items.find(({ metadata }) => metadata.name === 'exempt');
    assert.equal(answer.headers['x-kubernetes-pf-prioritylevel-uid'], level?.metadata.uid);
    const forbidden = await api.request({ username: 'x', groups: ['system:authenticated'] }, 'GET', '/api/v1/pods');
    const global = items.find(({ metadata }) => metadata.name === 'global-default');
    assert.equal(forbidden.status, 403);
    assert.equal(forbidden.headers['x-kubernetes-pf-flowschema-uid'], global?.metadata.uid);
  });

  test('a level is seen in the debug tables while it is there, and leaves its schema dangling', async () => {
    await api.client.create(
      flowcontrolV1.PriorityLevelConfiguration,
      {
        metadata: { name: 'narrow' },
        spec: {
          type: 'Limited',
          limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } },
        },
      } as never,
      api.ctx,
    );
    await api.client.create(
      flowcontrolV1.FlowSchema,
      {
        metadata: { name: 'narrow' },
        spec: {
          priorityLevelConfiguration: { name: 'narrow' },
          matchingPrecedence: 2,
          rules: [
            {
              subjects: [{ kind: 'User', user: { name: 'nobody-else' } }],
              resourceRules: [
                { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
              ],
            },
          ],
        },
      } as never,
      api.ctx,
    );
    const user = { username: 'nobody-else', groups: ['system:authenticated'] };
    // No shares: no seats; what is too wide for the level still runs alone.
    const held = api.request({ ...user, groups: ['system:authenticated'] }, 'GET', '/api/v1/nodes');
    assert.equal((await held).status, 403);
    const text = await api.request(admin, 'GET', '/debug/api_priority_and_fairness/dump_priority_levels');
    assert.match(text.text, /^PriorityLevelName, +ActiveQueues, +IsIdle/);
    assert.match(text.text, /\nnarrow, +0, +true, +false, +0, +0, +1, +0, +0, +0/);
    await api.client.delete(flowcontrolV1.PriorityLevelConfiguration, { name: 'narrow' }, api.ctx);
    await eventually('the schema says that it dangles', async () => {
      const schema = await api.client.get(flowcontrolV1.FlowSchema, { name: 'narrow' }, api.ctx);
      const condition = schema?.status?.conditions?.[0];
      return condition?.status === 'True' && condition.reason === 'NotFound';
    });
    await api.client.delete(flowcontrolV1.FlowSchema, { name: 'narrow' }, api.ctx);
  });

  test('what is changed in an object of the server comes back, unless it says otherwise', async () => {
    const read = async (name: string) =>
      (await api.client.get(flowcontrolV1.PriorityLevelConfiguration, { name }, api.ctx)) as never as {
        metadata: { annotations?: Record<string, string> };
        spec: { limited: { nominalConcurrencyShares: number } };
      };
    const setShares = async (name: string, shares: number, auto: string) => {
      const body = {
        metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': auto } },
        spec: { limited: { nominalConcurrencyShares: shares } },
      };
      await api.client.patch(flowcontrolV1.PriorityLevelConfiguration, { name }, { type: 'merge', body }, api.ctx);
    };
    await setShares('system', 77, 'true');
    await setShares('workload-low', 77, 'false');
    await assert.rejects(setShares('catch-all', 77, 'false'), /spec of 'catch-all' must equal the fixed value/);
    await setShares('catch-all', 5, 'false');
    await api.client.delete(flowcontrolV1.FlowSchema, { name: 'probes' }, api.ctx);
    await ensureFlowControl(api.client, api.ctx);
    assert.equal((await read('system')).spec.limited.nominalConcurrencyShares, 30);
    assert.equal((await read('workload-low')).spec.limited.nominalConcurrencyShares, 77);
    const catchAll = await read('catch-all');
    assert.equal(catchAll.spec.limited.nominalConcurrencyShares, 5);
    assert.equal(catchAll.metadata.annotations?.['apf.kubernetes.io/autoupdate-spec'], 'true');
    assert.ok(await api.client.get(flowcontrolV1.FlowSchema, { name: 'probes' }, api.ctx));
  });

  test('requests wait for seats, are seen waiting, and are counted', async () => {
    await api.client.create(
      flowcontrolV1.PriorityLevelConfiguration,
      {
        metadata: { name: 'two' },
        spec: {
          type: 'Limited',
          limited: {
            nominalConcurrencyShares: 30,
            borrowingLimitPercent: 0,
            limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 2 } },
          },
        },
      } as never,
      api.ctx,
    );
    await api.client.create(
      flowcontrolV1.FlowSchema,
      {
        metadata: { name: 'two' },
        spec: {
          priorityLevelConfiguration: { name: 'two' },
          matchingPrecedence: 2,
          rules: [
            {
              subjects: [{ kind: 'User', user: { name: 'slow' } }],
              resourceRules: [{ verbs: ['create'], apiGroups: [''], resources: ['namespaces'], clusterScope: true }],
            },
          ],
        },
      } as never,
      api.ctx,
    );
    // Of `exempt`, which is asked first, this user is not.
    const asSlow = { ...slow, groups: ['system:authenticated', 'makers'] };
    await api.client.create(
      rbacV1.ClusterRoleBinding,
      {
        metadata: { name: 'makers' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'makers' }],
      } as never,
      api.ctx,
    );
    const seats = api.server.flowControl?.levels.get('two')?.nominal ?? 0;
    assert.ok(seats > 0 && seats < 5, `two has ${seats} seats`);
    const answers: number[] = [];
    const work = Array.from({ length: seats + 4 }, (_, i) =>
      api
        .request(asSlow, 'POST', '/api/v1/namespaces', { metadata: { name: `slow-${i}` } })
        .then((answer) => void answers.push(answer.status) as unknown, assert.fail)
        .then(() => undefined),
    );
    await eventually('the last two are refused', () => answers.length === 2);
    assert.deepEqual(answers, [429, 429]);
    const refused = await api.request(asSlow, 'POST', '/api/v1/namespaces', { metadata: { name: 'slow-x' } });
    assert.equal(refused.status, 429);
    assert.equal(refused.text, 'Too many requests, please try again later.\n');
    assert.equal(refused.headers['retry-after'], '1');
    const dump = await api.request(
      admin,
      'GET',
      '/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1',
    );
    assert.equal(dump.text.split('\n').filter((line) => /^two, +two, +0, +\d/.test(line)).length, 2, dump.text);
    const metrics = await api.request(admin, 'GET', '/metrics');
    assert.match(
      metrics.text,
      /apiserver_flowcontrol_current_inqueue_requests\{priority_level="two",flow_schema="two"\} 2\n/,
    );
    assert.match(
      metrics.text,
      /apiserver_flowcontrol_rejected_requests_total\{priority_level="two",flow_schema="two",reason="queue-full"\} 3\n/,
    );
    while (answers.length < seats + 4) {
      await eventually('somebody holds or all are done', () => release.length > 0 || answers.length === seats + 4);
      for (const go of release) go();
      release = [];
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(work);
    assert.equal(answers.filter((status) => status === 201).length, seats + 2);
    assert.ok(await api.client.get(coreV1.Namespace, { name: 'slow-0' }, api.ctx));
  });
});

test('without priority and fairness the plain limits hold', async () => {
  const api = await startTestApi({ limits: { priorityAndFairness: false, readsMax: 5, writesMax: 1 } }, [holding]);
  release = [];
  const user = { username: 'x', groups: ['system:authenticated'] };
  const first = api.request(admin, 'POST', '/api/v1/namespaces', { metadata: { name: 'slow-1' } });
  await eventually('the first is held', () => release.length > 0);
  const second = await api.request(user, 'POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
  assert.equal(second.status, 429);
  assert.equal(second.headers['retry-after'], '1');
  // Who keeps the cluster alive is never refused.
  assert.equal((await api.request(admin, 'POST', '/api/v1/namespaces', { metadata: { name: 'third' } })).status, 201);
  for (const go of release) go();
  assert.equal((await first).status, 201);
  api.close();
});
