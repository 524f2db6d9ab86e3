/** WATCH: from where, with what, and what is refused. Each watch ends by its own time. */
import { configMap, del, get, getAs, patch, post, type Scenario, setUp } from '../step.ts';

const MAPS = '/api/v1/namespaces/{ns}/configmaps';
const WATCH = `${MAPS}?watch=true&timeoutSeconds=1&labelSelector=app`;
const made = [
  setUp(post(MAPS, configMap('a', {}, { labels: { app: 'x' } }), { save: { before: 'metadata.resourceVersion' } })),
  setUp(post(MAPS, configMap('b', {}, { labels: { app: 'x' } }))),
  setUp(patch('merge', `${MAPS}/a`, { data: { n: '1' } })),
  setUp(patch('merge', `${MAPS}/b`, { metadata: { labels: { app: null } } })),
  setUp(del(`${MAPS}/a`)),
];
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';

export const watches: readonly Scenario[] = [
  {
    name: 'watch',
    steps: [
      ...made,
      get(`${WATCH}&resourceVersion={before}`),
      get(WATCH),
      setUp(post(MAPS, configMap('c', {}, { labels: { app: 'x' } }))),
      get(WATCH),
      get(`${WATCH}&resourceVersion=0`),
      get(`${WATCH}&resourceVersion=0&allowWatchBookmarks=true`),
      get(`${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`),
      get(
        `${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0`,
      ),
      get(`${WATCH}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`),
      get(`${WATCH}&fieldSelector=metadata.name=c&resourceVersion={before}`),
      get(`/api/v1/watch/namespaces/{ns}/configmaps?timeoutSeconds=1&labelSelector=app&resourceVersion={before}`),
      get(`/api/v1/watch/namespaces/{ns}/configmaps/c?timeoutSeconds=1`),
      get(`${MAPS}/c?watch=true&timeoutSeconds=1`),
      getAs(TABLE, `${WATCH}&resourceVersion={before}`),
      getAs(PARTIAL, `${WATCH}&resourceVersion={before}`),
      getAs('application/yaml', `${WATCH}&resourceVersion={before}`),
      getAs(TABLE, `${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`),
    ],
  },
  {
    name: 'watch refused',
    steps: [
      get(`${WATCH}&resourceVersion=1`),
      get(`${WATCH}&resourceVersion=abc`),
      get(`${WATCH}&resourceVersion=-1`),
      get(`${WATCH}&sendInitialEvents=true`),
      get(`${WATCH}&sendInitialEvents=true&resourceVersionMatch=Exact&allowWatchBookmarks=true`),
      get(`${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
      get(`${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&continue=x`),
      get(`${WATCH}&sendInitialEvents=false`),
      get(`${WATCH}&resourceVersionMatch=NotOlderThan`),
      get(`${WATCH}&resourceVersionMatch=bogus`),
      get(`${WATCH}&continue=x`),
      get(`${WATCH}&limit=abc`),
      get(`${MAPS}?watch=true&timeoutSeconds=abc`),
      get(`${MAPS}?watch=true&timeoutSeconds=1&labelSelector=app in`),
      get(`${MAPS}?watch=true&timeoutSeconds=1&fieldSelector=bogus=1`),
      get(`${MAPS}?watch=bogus&timeoutSeconds=1&labelSelector=app`),
      get(`${MAPS}?watch=0&labelSelector=app`),
      get(`${MAPS}?watch&timeoutSeconds=1&labelSelector=app`),
      get('/api/v1/namespaces/{ns}/configmaps/none?watch=true&timeoutSeconds=1'),
      get('/api/v1/bindings?watch=true'),
      getAs('text/plain', WATCH),
      getAs('application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io', WATCH),
    ],
  },
];
