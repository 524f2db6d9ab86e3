/** /healthz, /livez, /readyz as probes and people ask them, and what else is to see of a server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createMemoryStore, type Store } from '@kapella/store';
import { startTestApi, type TestApi } from './testing/node/test-api.ts';

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
const anonymous = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

describe('health', () => {
  let api: TestApi;
  let isBroken = false;
  let isKeyAway = false;
  before(async () => {
    const store = createMemoryStore();
    const get: Store['get'] = (key, ...rest) => {
      if (isBroken && key === '/registry/health') return Promise.reject(new Error('mdb_txn_begin: I/O error'));
      return store.get(key, ...rest);
    };
    api = await startTestApi({
      healthChecks: new Map([['kms-providers', () => (isKeyAway ? 'the key is away' : undefined)]]),
      storeSizeBytes: () => 4096,
      store: new Proxy(store, { get: (it, name) => (name === 'get' ? get : bound(it, name)) }),
    });
  });
  after(() => api.close());
  const ask = (path: string, user = admin) => api.request(user, 'GET', path);

  test('all is well: ok, or every check by name', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/livez/etcd', '/readyz/poststarthook/crd-informer-synced']) {
      const { status, text, headers } = await ask(path);
      assert.deepEqual([status, text, headers['content-type']], [200, 'ok', 'text/plain; charset=utf-8'], path);
    }
    const verbose = (await ask('/readyz?verbose')).text;
    for (const line of [
      ...['ping', 'log', 'etcd', 'etcd-readiness', 'informer-sync', 'autoregister-completion', 'shutdown'],
      ...['poststarthook/priority-and-fairness-config-consumer', 'poststarthook/kube-apiserver-autoregistration'],
    ]) {
      assert.ok(verbose.includes(`[+]${line} ok\n`), line);
    }
    assert.ok(verbose.endsWith('readyz check passed\n'));
    const live = (await ask('/livez?verbose')).text;
    assert.ok(!live.includes(']shutdown') && !live.includes(']informer-sync'), live);
    assert.equal((await ask('/livez/shutdown')).status, 404);
  });

  test('ComponentStatuses are made when they are asked for', async () => {
    const list = JSON.parse((await ask('/api/v1/componentstatuses')).text);
    assert.deepEqual(list.metadata, {});
    assert.deepEqual(
      list.items.map(({ metadata }: { metadata: object }) => metadata),
      [{ name: 'controller-manager' }, { name: 'scheduler' }, { name: 'etcd-0' }],
    );
    const one = await ask('/api/v1/componentstatuses/etcd-0');
    assert.deepEqual(JSON.parse(one.text).conditions, [{ type: 'Healthy', status: 'True', message: 'ok' }]);
    assert.deepEqual(one.headers.warning, ['299 - "v1 ComponentStatus is deprecated in v1.19+"']);
    const none = JSON.parse((await ask('/api/v1/componentstatuses/none')).text);
    assert.equal(none.message, 'componentstatus "none" not found');
    const by = async (query: string) => JSON.parse((await ask(`/api/v1/componentstatuses?${query}`)).text).items.length;
    assert.deepEqual([await by('fieldSelector=metadata.name=etcd-0'), await by('labelSelector=a')], [1, 0]);
  });

  test('documents of discovery are what Accept asks for; other methods and paths are refused', async () => {
    const proto = { accept: 'application/vnd.kubernetes.protobuf' };
    const listed = await api.request(admin, 'GET', '/apis/apps/v1', undefined, proto);
    assert.equal(listed.headers['content-type'], proto.accept);
    assert.equal((await api.request(admin, 'GET', '/api', undefined, { accept: 'text/html' })).status, 406);
    assert.equal((await api.request(admin, 'POST', '/apis/apps/v1', {})).status, 405);
    assert.equal(
      JSON.parse((await ask('/apis/apps/v2')).text).message,
      'the server could not find the requested resource',
    );
    assert.equal((await ask('/apis/none/v1')).text, '404 page not found\n');
  });

  test('anybody may ask, as upstream has it', async () => {
    assert.equal((await ask('/readyz', anonymous)).status, 200);
    assert.equal((await ask('/livez', anonymous)).status, 200);
    assert.equal((await ask('/metrics', anonymous)).status, 403);
    assert.equal((await ask('/debug/api_priority_and_fairness/dump_queues', anonymous)).status, 403);
  });

  test('a store that does not answer is told, the reason only where asked for the one check', async () => {
    isBroken = true;
    const { status, text } = await ask('/livez');
    assert.equal(status, 500);
    assert.match(text, /^\[\+\]ping ok\n\[\+\]log ok\n\[-\]etcd failed: reason withheld\n/);
    assert.ok(text.endsWith('livez check failed\n'));
    assert.doesNotMatch(text, /I\/O error/);
    const one = await ask('/livez/etcd');
    assert.equal(one.status, 500);
    assert.match(one.text, /^internal server error: etcd failed: .*I\/O error\n$/);
    const without = await ask('/livez?verbose&exclude=etcd&exclude=nothing');
    assert.equal(without.status, 200);
    assert.match(without.text, /\[\+\]etcd excluded: ok\n/);
    assert.match(without.text, /warn: some health checks cannot be excluded: no matches for "nothing"\n/);
    isBroken = false;
    const slis = (await ask('/metrics/slis')).text;
    assert.match(slis, /kubernetes_healthchecks_total\{name="etcd",status="error",type="livez"\} 1\n/);
    assert.match(slis, /kubernetes_healthcheck\{name="ping",type="livez"\} 1\n/);
  });

  test('a hook that is not done, and shutting down, make it unready; alive it stays', async () => {
    api.server.lifecycle.expect(['rbac/bootstrap-roles']);
    const waiting = await ask('/readyz');
    assert.equal(waiting.status, 500);
    assert.match(waiting.text, /\[-\]poststarthook\/rbac\/bootstrap-roles failed: reason withheld\n/);
    assert.equal(
      (await ask('/readyz/poststarthook/rbac/bootstrap-roles')).text,
      'internal server error: not finished\n',
    );
    api.server.lifecycle.done('rbac/bootstrap-roles');
    assert.equal((await ask('/readyz')).status, 200);
    api.server.lifecycle.beginShutdown();
    const ending = await ask('/readyz');
    assert.equal(ending.status, 500);
    assert.match(ending.text, /\[-\]shutdown failed: reason withheld\nreadyz check failed\n$|shutdown failed/);
    assert.equal((await ask('/livez')).status, 200);
  });

  test('a further check counts everywhere', async () => {
    assert.ok((await ask('/healthz?verbose')).text.includes('[+]kms-providers ok\n'));
    isKeyAway = true;
    assert.equal((await ask('/livez')).status, 500);
    assert.equal((await ask('/readyz/kms-providers')).text, 'internal server error: the key is away\n');
    isKeyAway = false;
  });

  test('the index names what there is, metrics what there is in it', async () => {
    const { paths } = JSON.parse((await ask('/')).text);
    for (const path of ['/api/v1', '/apis/apps/v1', '/livez/etcd', '/metrics/slis', '/readyz/shutdown', '/version']) {
      assert.ok(paths.includes(path), path);
    }
    assert.ok(!paths.some((path: string) => path.startsWith('/debug')));
    const { text } = await ask('/metrics');
    for (const line of [
      /kubernetes_build_info\{.*git_version="v1\.36.*\} 1\n/,
      /apiserver_storage_objects\{resource="namespaces"\} 4\n/,
      /apiserver_resource_objects\{group="rbac.authorization.k8s.io",resource="clusterroles"\} \d+\n/,
      /apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} 245\n/,
      /apiserver_request_total\{verb="GET",dry_run="",.*subresource="\/readyz",scope="",component="apiserver",code="200"\} \d/,
      /apiserver_storage_size_bytes\{storage_cluster_id="memory"\} 4096\n/,
      /apiserver_current_inflight_requests\{request_kind="readOnly"\} \d+\n/,
    ]) {
      assert.match(text, line);
    }
  });
});

function bound(store: Store, name: string | symbol): unknown {
  const value = Reflect.get(store, name);
  return typeof value === 'function' ? value.bind(store) : value;
}
