/** Definitions of custom resources and the objects of one. */
import { del, get, getAs, patch, post, put, type Scenario, setUp } from '../step.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const GROUP = '{ns}.example.com';
const THINGS = `/apis/${GROUP}/v1/namespaces/{ns}/things`;
const version = (fields: object = {}) => ({
  name: 'v1',
  served: true,
  storage: true,
  subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
  additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
  selectableFields: [{ jsonPath: '.spec.color' }],
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          required: ['size'],
          properties: {
            size: { type: 'integer', minimum: 1, maximum: 10 },
            color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
            replicas: { type: 'integer' },
            port: { 'x-kubernetes-int-or-string': true },
            items: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name'],
                properties: { name: { type: 'string' }, v: { type: 'string', maxLength: 3 } },
              },
            },
          },
          'x-kubernetes-validations': [{ rule: 'self.size != 7', message: 'seven is taken' }],
        },
        status: { type: 'object', properties: { replicas: { type: 'integer' } } },
      },
    },
  },
  ...fields,
});
const definition = (spec: object = {}, name = `things.${GROUP}`) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: 'things', singular: 'thing', kind: 'Thing', shortNames: ['th'] },
    versions: [version()],
    ...spec,
  },
});
const thing = (name: string, spec: unknown, metadata: object = {}) => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'Thing',
  metadata: { name, ...metadata },
  spec,
});
/** A watch that ends by itself: upstream serves a new definition a little later. */
const established = setUp(get(`${CRDS}?fieldSelector=metadata.name=none&watch=true&timeoutSeconds=6`));

export const custom: readonly Scenario[] = [
  {
    name: 'definitions',
    steps: [
      post(CRDS, definition({}, 'wrong.name')),
      post(CRDS, definition({ versions: [] })),
      post(CRDS, definition({ versions: [version({ storage: false })] })),
      post(CRDS, definition({ versions: [version({ schema: undefined })] })),
      post(CRDS, definition({ versions: [version({ name: 'Bad' })] })),
      post(CRDS, definition({ scope: 'Bogus' })),
      post(CRDS, definition({ group: 'bad group' })),
      post(CRDS, definition({ names: { plural: 'things', kind: '' } })),
      post(
        CRDS,
        definition({ versions: [version({ schema: { openAPIV3Schema: { properties: { a: { type: 'bogus' } } } } })] }),
      ),
      post(
        CRDS,
        definition({
          versions: [
            version({
              schema: {
                openAPIV3Schema: {
                  type: 'object',
                  properties: { a: { type: 'object', additionalProperties: true, properties: {} } },
                },
              },
            }),
          ],
        }),
      ),
      post(CRDS, definition({ versions: [version({ selectableFields: [{ jsonPath: '.spec.bogus' }] })] })),
      post(CRDS, definition({ versions: [version({ subresources: { scale: { specReplicasPath: 'x' } } })] })),
    ],
  },
  {
    name: 'custom resources',
    steps: [
      setUp(post(CRDS, definition())),
      established,
      post(THINGS, thing('a', { size: 1 })),
      post(THINGS, thing('b', { size: 0, color: 'green' })),
      post(THINGS, thing('b', { color: 'green' })),
      post(THINGS, thing('b', { size: '5' })),
      post(THINGS, thing('b', { size: 7 })),
      post(THINGS, thing('b', { size: 1.5 })),
      post(THINGS, thing('b', 'x')),
      post(THINGS, thing('b', { size: 1, port: true })),
      post(THINGS, thing('b', { size: 1, items: [{ name: 'x' }, { name: 'x' }] })),
      post(THINGS, thing('b', { size: 1, items: [{ v: 'long' }] })),
      post(THINGS, thing('b', { size: 2, bogus: 1, color: 'blue' })),
      post(`${THINGS}?fieldValidation=Strict`, thing('c', { size: 2, bogus: 1 })),
      post(`${THINGS}?fieldValidation=Ignore`, thing('c', { size: 2, bogus: 1 })),
      post(THINGS, thing('Bad_Name', { size: 1 })),
      post(THINGS, { metadata: { name: 'x' }, spec: { size: 1 } }),
      post(THINGS, { ...thing('x', { size: 1 }), kind: 'Other' }),
      post(THINGS, { ...thing('x', { size: 1 }), apiVersion: `${GROUP}/v2` }),
      post(THINGS, { ...thing('x', { size: 1 }), metadata: 'x' }),
      post(THINGS, '{'),
      post(THINGS, '[]'),
      post(THINGS, 'x', { headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } }),
      post(THINGS, `apiVersion: ${GROUP}/v1\nkind: Thing\nmetadata: {name: yaml}\nspec: {size: 3}\n`, {
        headers: { 'content-type': 'application/yaml' },
      }),
      get(`${THINGS}/a`),
      get(`${THINGS}/none`),
      get(THINGS),
      get(`${THINGS}?fieldSelector=spec.color=blue`),
      get(`${THINGS}?fieldSelector=spec.size=1`),
      get(`${THINGS}?limit=1`),
      get(`${THINGS}?watch=true&timeoutSeconds=1`),
      getAs('application/json;as=Table;v=v1;g=meta.k8s.io', THINGS),
      getAs('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', THINGS),
      getAs('application/vnd.kubernetes.protobuf', THINGS),
      getAs('application/vnd.kubernetes.protobuf,application/json', THINGS),
      getAs('application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', THINGS),
      getAs('application/yaml', `${THINGS}/a`),
      put(`${THINGS}/a`, thing('a', { size: 2 })),
      put(`${THINGS}/none`, thing('none', { size: 2 }, { resourceVersion: '1' })),
      patch('merge', `${THINGS}/a`, { spec: { size: 3 } }),
      patch('merge', `${THINGS}/a`, { spec: { size: 30 } }),
      patch('merge', `${THINGS}/a`, { spec: { bogus: 3 } }),
      patch('merge', `${THINGS}/a`, { status: { replicas: 3 } }),
      patch('strategic', `${THINGS}/a`, { spec: { size: 3 } }),
      patch('json', `${THINGS}/a`, [{ op: 'replace', path: '/spec/size', value: 4 }]),
      patch('json', `${THINGS}/a`, [{ op: 'remove', path: '/spec/none' }]),
      patch('apply', `${THINGS}/a?fieldManager=x`, thing('a', { size: 5 })),
      patch('apply', `${THINGS}/a?fieldManager=x&force=true`, thing('a', { size: 5, items: [{ name: 'q', v: 'w' }] })),
      patch('apply', `${THINGS}/new?fieldManager=x`, thing('new', { size: 'x' })),
      patch('merge', `${THINGS}/a/status`, { status: { replicas: 3 }, spec: { size: 9 } }),
      get(`${THINGS}/a/status`),
      get(`${THINGS}/a/scale`),
      put(`${THINGS}/a/scale`, {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: 'a' },
        spec: { replicas: 4 },
      }),
      patch('merge', `${THINGS}/a/scale`, { spec: { replicas: 5 } }),
      get(`${THINGS}/a/bogus`),
      get(`/apis/${GROUP}/v1`),
      get(`/apis/${GROUP}`),
      get(`/apis/${GROUP}/v2`),
      get(`/apis/${GROUP}/v1/others`),
      getAs('application/json;as=Table;v=v1;g=meta.k8s.io', `${CRDS}?fieldSelector=metadata.name=things.${GROUP}`),
      del(`${THINGS}/a`),
      del(`${THINGS}?fieldSelector=spec.color=blue`),
      del(`${THINGS}/none`),
      setUp(del(`${CRDS}/things.${GROUP}`)),
    ],
  },
];
