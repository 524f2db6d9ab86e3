/** PATCH in all four ways, and what each refuses. */
import { configMap, get, patch, post, type Scenario, setUp, type Step } from '../step.ts';

const MAPS = '/api/v1/namespaces/{ns}/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/{ns}/deployments';
const made = setUp(
  post(MAPS, configMap('a', { k: 'v', l: 'w' }, { labels: { a: 'b' } }), {
    save: { version: 'metadata.resourceVersion' },
  }),
);
const deployment = setUp(
  post(DEPLOYMENTS, {
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: {
          containers: [
            { name: 'c', image: 'i', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 80 }] },
            { name: 'd', image: 'j' },
          ],
        },
      },
    },
  }),
);
const json = (operations: unknown): Step => patch('json', `${MAPS}/a`, operations);
const typed = (contentType: string): Step => ({
  ...patch('merge', `${MAPS}/a`, '{}'),
  headers: { 'content-type': contentType },
});

export const patches: readonly Scenario[] = [
  {
    name: 'json patch',
    steps: [
      made,
      json([{ op: 'add', path: '/data/n', value: '1' }]),
      json([{ op: 'replace', path: '/data/n', value: '2' }]),
      json([
        { op: 'test', path: '/data/n', value: '2' },
        { op: 'remove', path: '/data/n' },
      ]),
      json([{ op: 'test', path: '/data/k', value: 'other' }]),
      json([{ op: 'test', path: '/data/none', value: 'x' }]),
      json([{ op: 'remove', path: '/data/none' }]),
      json([{ op: 'replace', path: '/data/none', value: 'x' }]),
      json([{ op: 'add', path: '/none/deep', value: 'x' }]),
      json([{ op: 'copy', from: '/data/k', path: '/data/copy' }]),
      json([{ op: 'move', from: '/data/copy', path: '/data/moved' }]),
      json([{ op: 'move', from: '/data/none', path: '/data/x' }]),
      json([{ op: 'bogus', path: '/data/k' }]),
      json([{ op: 'add', value: 'x' }]),
      json([{ op: 'add', path: '/data/k' }]),
      json([{ path: '/data/k', value: '1' }]),
      json([{ op: 'add', path: 'data/k', value: '1' }]),
      json([{ op: 'add', path: '', value: {} }]),
      json([{ op: 'add', path: '/data/esc~1aped~0', value: '1' }]),
      json([{ op: 'add', path: '/metadata/annotations', value: { a: 'b' } }]),
      json([{ op: 'replace', path: '/metadata/name', value: 'other' }]),
      json([{ op: 'replace', path: '/metadata/namespace', value: 'other' }]),
      json([{ op: 'replace', path: '/metadata/resourceVersion', value: '{version}' }]),
      json([{ op: 'replace', path: '/metadata/uid', value: 'other' }]),
      json([{ op: 'add', path: '/data/number', value: 5 }]),
      json([{ op: 'add', path: '/bogus', value: 5 }]),
      patch('json', `${MAPS}/a?fieldValidation=Strict`, [{ op: 'add', path: '/bogus', value: 5 }]),
      json([]),
      json({}),
      json('{'),
      json('null'),
      json('"x"'),
      json(''),
      json([5]),
      get(`${MAPS}/a`),
    ],
  },
  {
    name: 'merge patch',
    steps: [
      made,
      ...[
        { data: { k: 'x' } },
        { data: { k: null } },
        { data: null },
        { data: { n: 5 } },
        { data: [] },
        { metadata: { labels: { a: null, c: 'd' } } },
        { metadata: { name: 'other' } },
        { metadata: { namespace: 'other' } },
        { metadata: { resourceVersion: '{version}' } },
        { metadata: { uid: 'x' } },
        { metadata: null },
        { kind: 'Secret' },
        { apiVersion: 'v2' },
        { bogus: 1 },
        { immutable: 'x' },
        { metadata: { creationTimestamp: null } },
        { metadata: { labels: { 'bad key!': 'x' } } },
        {},
        [],
        'null',
        '{',
        '',
        '5',
      ].map((body) => patch('merge', `${MAPS}/a`, body)),
      patch('merge', `${MAPS}/a?fieldValidation=Strict`, { bogus: 1, data: { z: '1' } }),
      patch('merge', `${MAPS}/a?fieldValidation=Strict`, '{"data":{"y":"1","y":"2"}}'),
      patch('merge', `${MAPS}/a`, '{"data":{"y":"1","y":"2"}}'),
      patch('merge', `${MAPS}/a?fieldValidation=Ignore`, { bogus: 1 }),
      patch('merge', `${MAPS}/a?dryRun=All`, { data: { dry: '1' } }),
      patch('merge', `${MAPS}/a?dryRun=x`, { data: { dry: '1' } }),
      patch('merge', `${MAPS}/a?force=true`, { data: { f: '1' } }),
      patch('merge', `${MAPS}/a?force=false`, { data: { f: '1' } }),
      patch('merge', `${MAPS}/a?fieldManager=m`, { data: { m: '1' } }),
      patch('merge', `${MAPS}/none`, { data: {} }),
      patch('merge', MAPS, { data: {} }),
      patch('merge', '/api/v1/namespaces/none/configmaps/a', {}),
      ...[
        'application/json',
        '',
        'text/plain',
        'application/bogus+json',
        'application/merge-patch+json; charset=utf-8',
        'application/vnd.kubernetes.protobuf',
        'application/yaml',
      ].map(typed),
      get(`${MAPS}/a`),
    ],
  },
  {
    name: 'strategic merge patch',
    steps: [
      deployment,
      ...[
        { spec: { template: { spec: { containers: [{ name: 'c', image: 'k' }] } } } },
        { spec: { template: { spec: { containers: [{ name: 'e', image: 'l' }] } } } },
        { spec: { template: { spec: { containers: [{ $patch: 'delete', name: 'e' }] } } } },
        {
          spec: {
            template: {
              spec: { containers: [{ name: 'c', env: [{ $patch: 'replace' }, { name: 'B', value: '2' }] }] },
            },
          },
        },
        {
          spec: {
            template: {
              spec: {
                containers: [
                  {
                    name: 'c',
                    '$setElementOrder/env': [{ name: 'B' }, { name: 'C' }],
                    env: [{ name: 'C', value: '3' }],
                  },
                ],
              },
            },
          },
        },
        {
          spec: {
            template: {
              spec: {
                '$setElementOrder/containers': [{ name: 'd' }, { name: 'c' }],
                containers: [{ name: 'c', image: 'm' }],
              },
            },
          },
        },
        { metadata: { finalizers: ['a/b', 'c/d'] } },
        { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/b', 'c/d'] } },
        { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
        { spec: { template: { spec: { containers: [{ image: 'nameless' }] } } } },
        { spec: { template: { spec: { containers: 'x' } } } },
        { spec: { template: { spec: { containers: [{ $patch: 'bogus', name: 'c' }] } } } },
        { spec: { template: { spec: { containers: [{ $patch: 'delete' }] } } } },
        { spec: { $patch: 'bogus' } },
        { spec: { $patch: 'replace', replicas: 1 } },
        { spec: { replicas: 'x' } },
        { spec: { replicas: null } },
        { spec: { bogus: 1 } },
        { metadata: { labels: { $patch: 'replace', z: 'y' } } },
        { metadata: { labels: null } },
        { metadata: { name: 'x' } },
        { spec: { '$setElementOrder/bogus': ['x'] } },
        { '$deleteFromPrimitiveList/bogus': ['x'] },
        {
          spec: {
            template: {
              spec: { '$setElementOrder/containers': [{ name: 'd' }], containers: [{ name: 'c', image: 'm' }] },
            },
          },
        },
        'null',
        '[]',
        '{',
        '5',
      ].map((body) => patch('strategic', `${DEPLOYMENTS}/d`, body)),
      get(`${DEPLOYMENTS}/d`),
    ],
  },
  {
    name: 'apply',
    steps: [
      patch('apply', `${MAPS}/a?fieldManager=one`, configMap('a', { k: '1', only: 'one' })),
      patch('apply', `${MAPS}/a?fieldManager=one`, configMap('a', { k: '1', only: 'one' })),
      patch('apply', `${MAPS}/a?fieldManager=two`, configMap('a', { k: '2', x: 'two' })),
      patch('apply', `${MAPS}/a?fieldManager=two&force=true`, configMap('a', { k: '2', x: 'two' })),
      patch('apply', `${MAPS}/a?fieldManager=one`, configMap('a', { only: 'one' })),
      patch('apply', `${MAPS}/a?fieldManager=one`, configMap('a')),
      patch('apply', `${MAPS}/a`, configMap('a')),
      patch('apply', `${MAPS}/a?fieldManager=`, configMap('a')),
      patch('apply', `${MAPS}/a?fieldManager=${'m'.repeat(129)}`, configMap('a')),
      patch('apply', `${MAPS}/a?fieldManager=x&force=maybe`, configMap('a')),
      patch('apply', `${MAPS}/a?fieldManager=x`, configMap('b')),
      patch('apply', `${MAPS}/a?fieldManager=x`, { metadata: { name: 'a' } }),
      patch('apply', `${MAPS}/a?fieldManager=x`, { apiVersion: 'v1', metadata: { name: 'a' } }),
      patch('apply', `${MAPS}/a?fieldManager=x`, { apiVersion: 'v1', kind: 'ConfigMap' }),
      patch('apply', `${MAPS}/a?fieldManager=x`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }),
      patch('apply', `${MAPS}/a?fieldManager=x`, configMap('a', {}, { managedFields: [{ manager: 'x' }] })),
      patch('apply', `${MAPS}/a?fieldManager=x`, configMap('a', {}, { resourceVersion: '1' })),
      patch('apply', `${MAPS}/a?fieldManager=x`, configMap('a', {}, { uid: 'x' })),
      patch('apply', `${MAPS}/new?fieldManager=x`, configMap('new', {}, { uid: 'x' })),
      patch('apply', `${MAPS}/a?fieldManager=x`, configMap('a', {}, { namespace: 'other' })),
      patch('apply', `${MAPS}/a?fieldManager=x`, { ...configMap('a'), bogus: 1 }),
      patch('apply', `${MAPS}/a?fieldManager=x&fieldValidation=Strict`, { ...configMap('a'), bogus: 1 }),
      patch('apply', `${MAPS}/a?fieldManager=x`, { ...configMap('a'), data: { n: 5 } }),
      patch('apply', `${MAPS}/a?fieldManager=x`, { ...configMap('a'), data: 'x' }),
      patch(
        'apply',
        `${MAPS}/a?fieldManager=x`,
        'kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: a\ndata:\n  y: "1"\n',
      ),
      patch(
        'apply',
        `${MAPS}/a?fieldManager=x`,
        'kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: a\ndata:\n  y: "1"\n  y: "2"\n',
      ),
      patch('apply', `${MAPS}/a?fieldManager=x`, 'a: [b'),
      patch('apply', `${MAPS}/a?fieldManager=x`, ''),
      patch('apply', `${MAPS}/a?fieldManager=x`, '[]'),
      patch('apply', `${MAPS}/dry?fieldManager=x&dryRun=All`, configMap('dry')),
      patch('apply', `/api/v1/namespaces/none/configmaps/a?fieldManager=x`, configMap('a')),
      patch('merge', `${MAPS}/a`, { data: { x: 'merged' } }),
      patch('apply', `${MAPS}/a?fieldManager=two`, configMap('a', { x: 'two' })),
      get(`${MAPS}/a`),
      deployment,
      patch('apply', `${DEPLOYMENTS}/d?fieldManager=x`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'd' },
        spec: { replicas: 3, template: { spec: { containers: [{ name: 'c', image: 'z' }] } } },
      }),
      patch('apply', `${DEPLOYMENTS}/d?fieldManager=x`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'd' },
        spec: { template: { spec: { containers: [{ image: 'z' }] } } },
      }),
      patch('apply', `${DEPLOYMENTS}/d?fieldManager=x`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'd' },
        spec: {
          template: {
            spec: {
              containers: [
                { name: 'q', image: 'z' },
                { name: 'q', image: 'z' },
              ],
            },
          },
        },
      }),
      patch('apply', `${DEPLOYMENTS}/d/scale?fieldManager=s`, {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: 'd' },
        spec: { replicas: 5 },
      }),
      patch('apply', `${DEPLOYMENTS}/d/status?fieldManager=s`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'd' },
        status: { replicas: 5 },
      }),
      get(`${DEPLOYMENTS}/d`),
    ],
  },
];
