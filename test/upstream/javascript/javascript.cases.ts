/** What programs do with the JavaScript client. */
import assert from 'node:assert/strict';
import {
  ApiException,
  ApiextensionsV1Api,
  AppsV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  Health,
  type KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { eventually } from '../../support/cluster.ts';
import type { Case } from '../support/cases.ts';

export interface JavaScriptContext {
  readonly config: KubeConfig;
}

type JavaScriptCase = Case<JavaScriptContext>;

const namespace = 'default';
const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  data,
});
const as = (strategy: PatchStrategy) => setHeaderOptions('Content-Type', strategy);

const asked: JavaScriptCase = {
  name: 'version, health, who may do what',
  async run({ config }) {
    const version = await config.makeApiClient(VersionApi).getCode();
    assert.equal(`${version.major}.${version.minor}`, '1.36');
    const health = new Health(config);
    assert.ok(await health.readyz({}));
    assert.ok(await health.livez({}));
    const resourceAttributes = { verb: 'create', resource: 'pods', namespace };
    const body = { spec: { resourceAttributes } };
    const { status } = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({ body });
    assert.equal(status?.allowed, true);
  },
};

const patches: JavaScriptCase = {
  name: 'JSON, merge, strategic merge and apply patches of typed objects',
  async run({ config }) {
    const apps = config.makeApiClient(AppsV1Api);
    const name = 'patched';
    const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'a', image: 'a:1' }] } };
    const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template };
    await apps.createNamespacedDeployment({ namespace, body: { metadata: { name }, spec } });
    const json = [{ op: 'replace', path: '/spec/replicas', value: 2 }];
    const patch = (body: object, strategy: PatchStrategy, more: object = {}) =>
      apps.patchNamespacedDeployment({ namespace, name, body, ...more }, as(strategy));
    assert.equal((await patch(json, PatchStrategy.JsonPatch)).spec?.replicas, 2);
    const merged = await patch({ metadata: { labels: { by: 'merge' } } }, PatchStrategy.MergePatch);
    assert.equal(merged.metadata?.labels?.['by'], 'merge');
    const side = { spec: { template: { spec: { containers: [{ name: 'b', image: 'b:1' }] } } } };
    const strategic = await patch(side, PatchStrategy.StrategicMergePatch);
    assert.deepEqual(strategic.spec?.template.spec?.containers.map((row) => row.name).sort(), ['a', 'b']);
    const applied = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas: 3 } };
    const conflict = await caught(patch(applied, PatchStrategy.ServerSideApply, { fieldManager: 'suite' }));
    assert.equal(conflict.code, 409);
    const forced = await patch(applied, PatchStrategy.ServerSideApply, { fieldManager: 'suite', force: true });
    assert.equal(forced.spec?.replicas, 3);
    assert.ok(forced.metadata?.managedFields?.some((row) => row.manager === 'suite' && row.operation === 'Apply'));
    await apps.deleteNamespacedDeployment({ namespace, name });
  },
};

async function caught(promise: Promise<unknown>): Promise<ApiException<string>> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApiException, `an ApiException was expected, not ${String(error)}`);
  return error;
}

const failures: JavaScriptCase = {
  name: 'errors carry code and Status',
  async run({ config }) {
    const core = config.makeApiClient(CoreV1Api);
    const missing = await caught(core.readNamespacedConfigMap({ namespace, name: 'missing' }));
    assert.equal(missing.code, 404);
    const status = JSON.parse(missing.body) as { readonly reason: string; readonly details: { readonly name: string } };
    assert.equal(status.reason, 'NotFound');
    assert.equal(status.details.name, 'missing');
    const invalid = await caught(core.createNamespacedConfigMap({ namespace, body: configMap('No Name', {}) }));
    assert.equal(invalid.code, 422);
    const body = configMap('twice', {});
    await core.createNamespacedConfigMap({ namespace, body });
    assert.equal((await caught(core.createNamespacedConfigMap({ namespace, body }))).code, 409);
    const found = await core.readNamespacedConfigMap({ namespace, name: 'twice' });
    await core.replaceNamespacedConfigMap({ namespace, name: 'twice', body: { ...found, data: { a: '1' } } });
    const stale = core.replaceNamespacedConfigMap({ namespace, name: 'twice', body: { ...found, data: { a: '2' } } });
    assert.equal((await caught(stale)).code, 409);
    await core.deleteNamespacedConfigMap({ namespace, name: 'twice' });
  },
};

const pages: JavaScriptCase = {
  name: 'lists by page, by selector, and deleted as a collection',
  async run({ config }) {
    const core = config.makeApiClient(CoreV1Api);
    for (let i = 0; i < 7; i++)
      await core.createNamespacedConfigMap({ namespace, body: configMap(`page-${i}`, {}, { paged: String(i % 2) }) });
    const names: string[] = [];
    let token: string | undefined;
    do {
      const labelSelector = 'paged in (0,1)';
      const request = { namespace, labelSelector, limit: 3, ...(token === undefined ? {} : { _continue: token }) };
      const page = await core.listNamespacedConfigMap(request);
      assert.ok(page.items.length <= 3);
      names.push(...page.items.map(({ metadata }) => metadata?.name ?? ''));
      token = page.metadata?._continue || undefined;
    } while (token !== undefined);
    assert.equal(new Set(names).size, 7);
    const odd = await core.listNamespacedConfigMap({ namespace, labelSelector: 'paged=1' });
    assert.equal(odd.items.length, 3);
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'paged' });
    assert.equal((await core.listNamespacedConfigMap({ namespace, labelSelector: 'paged' })).items.length, 0);
  },
};

const informs: JavaScriptCase = {
  name: 'an informer sees what is, what comes, what changes, what goes',
  async run({ config }) {
    const core = config.makeApiClient(CoreV1Api);
    const labelSelector = 'informed=yes';
    const body = (name: string, data = {}) => configMap(name, data, { informed: 'yes' });
    await core.createNamespacedConfigMap({ namespace, body: body('before') });
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector });
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const informer = makeInformer<V1ConfigMap>(config, path, list, labelSelector);
    const seen: string[] = [];
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb, ({ metadata }) => seen.push(`${verb} ${metadata?.name}`));
    informer.on('error', (error) => seen.push(`error ${String(error)}`));
    await informer.start();
    await core.createNamespacedConfigMap({ namespace, body: body('after') });
    await core.replaceNamespacedConfigMap({ namespace, name: 'after', body: body('after', { a: '1' }) });
    await core.deleteNamespacedConfigMap({ namespace, name: 'after' });
    await eventually('all is seen', async () => seen.includes('delete after'), 20_000);
    await informer.stop();
    assert.deepEqual(seen, ['add before', 'add after', 'update after', 'delete after']);
    assert.deepEqual(
      informer.list(namespace).map(({ metadata }) => metadata?.name),
      ['before'],
    );
    await core.deleteNamespacedConfigMap({ namespace, name: 'before' });
  },
};

const watches: JavaScriptCase = {
  name: 'a watch resumes where it was, sends bookmarks, and tells that a version is too old',
  async run({ config }) {
    const core = config.makeApiClient(CoreV1Api);
    const start = await core.createNamespacedConfigMap({ namespace, body: configMap('watched', {}) });
    const resourceVersion = start.metadata?.resourceVersion ?? '';
    for (const a of ['1', '2'])
      await core.replaceNamespacedConfigMap({ namespace, name: 'watched', body: configMap('watched', { a }) });
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const watch = new Watch(config);
    const events: string[] = [];
    const query = { resourceVersion, fieldSelector: 'metadata.name=watched', timeoutSeconds: 2 };
    await new Promise<void>((resolve, reject) => {
      const onEvent = (phase: string, object: V1ConfigMap) => events.push(`${phase} ${object.data?.['a']}`);
      watch.watch(path, query, onEvent, () => resolve()).catch(reject);
    });
    assert.deepEqual(events, ['MODIFIED 1', 'MODIFIED 2']);
    const bookmarks: string[] = [];
    const initial = {
      sendInitialEvents: true,
      allowWatchBookmarks: true,
      resourceVersionMatch: 'NotOlderThan',
      timeoutSeconds: 2,
    };
    await new Promise<void>((resolve, reject) => {
      const onEvent = (phase: string, object: V1ConfigMap) => {
        if (phase === 'BOOKMARK') bookmarks.push(object.metadata?.annotations?.['k8s.io/initial-events-end'] ?? '');
      };
      watch.watch(path, initial, onEvent, () => resolve()).catch(reject);
    });
    assert.ok(bookmarks.includes('true'));
    await core.deleteNamespacedConfigMap({ namespace, name: 'watched' });
  },
};

const objects: JavaScriptCase = {
  name: 'the object API: any kind by its manifest, custom ones too',
  async run({ config }) {
    const definition = {
      metadata: { name: 'notes.js.example.com' },
      spec: {
        group: 'js.example.com',
        scope: 'Namespaced',
        names: { plural: 'notes', kind: 'Note' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: { spec: { type: 'object', properties: { text: { type: 'string', maxLength: 9 } } } },
              },
            },
          },
        ],
      },
    };
    await config.makeApiClient(ApiextensionsV1Api).createCustomResourceDefinition({ body: definition });
    const client = KubernetesObjectApi.makeApiClient(config);
    const note = (text: string) => ({
      apiVersion: 'js.example.com/v1',
      kind: 'Note',
      metadata: { name: 'first', namespace },
      spec: { text },
    });
    await eventually('it is served', () => client.create(note('hello')), 20_000);
    const header = { apiVersion: 'js.example.com/v1', kind: 'Note', metadata: { name: 'first', namespace } };
    const strategy = PatchStrategy.MergePatch;
    await client.patch(note('bye'), undefined, undefined, undefined, undefined, strategy);
    const read = await client.read<ReturnType<typeof note>>(header);
    assert.equal(read.spec.text, 'bye');
    const applied = await client.patch(
      note('applied'),
      undefined,
      undefined,
      'suite',
      true,
      PatchStrategy.ServerSideApply,
    );
    assert.equal(applied.spec.text, 'applied');
    assert.equal((await caught(client.replace({ ...applied, spec: { text: 'far too long' } }))).code, 422);
    const list = await client.list('js.example.com/v1', 'Note', namespace);
    assert.equal(list.items.length, 1);
    const custom = config.makeApiClient(CustomObjectsApi);
    const where = { group: 'js.example.com', version: 'v1', namespace, plural: 'notes', name: 'first' };
    const got = (await custom.getNamespacedCustomObject(where)) as ReturnType<typeof note>;
    assert.equal(got.spec.text, 'applied');
    await client.delete(header);
    assert.equal((await caught(client.read(header))).code, 404);
  },
};

export const JAVASCRIPT_CASES = [asked, patches, failures, pages, informs, watches, objects];
