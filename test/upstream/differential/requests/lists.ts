/** GET and LIST: versions, how they match, pages, selectors, and what cannot be read. */
import { configMap, get, post, type Scenario, setUp } from '../step.ts';

const MAPS = '/api/v1/namespaces/{ns}/configmaps';
const filled = ['a', 'b', 'c', 'd', 'e'].map((name, i) =>
  setUp(
    post(MAPS, configMap(name, { n: String(i) }, { labels: { app: i % 2 === 0 ? 'even' : 'odd', name } }), {
      save: { [`version${name.toUpperCase()}`]: 'metadata.resourceVersion' },
    }),
  ),
);
const VERSIONS = ['', '0', '1', '{versionC}', '{versionE}', '99999999', 'abc', '-1', '1.5'];
const MATCHES = ['', 'Exact', 'NotOlderThan', 'exact', 'bogus'];

export const lists: readonly Scenario[] = [
  {
    name: 'get at versions',
    steps: [
      ...filled,
      ...VERSIONS.filter((version) => version !== '99999999').map((version) =>
        get(`${MAPS}/a?resourceVersion=${version}`),
      ),
      get(`${MAPS}/none`),
      get(`${MAPS}/none?resourceVersion=0`),
      get(`${MAPS}/a?pretty=true`),
      get(`${MAPS}/a?pretty=0`),
      get(`${MAPS}/a?unknown=1`),
      get(`${MAPS}/a?export=true`),
      get('/api/v1/namespaces/nowhere-at-all/configmaps/a'),
      get('/api/v1/namespaces/{ns}'),
      get('/api/v1/namespaces/none'),
      get('/api/v1/nodes/none'),
      get('/apis/apps/v1/namespaces/{ns}/deployments/none'),
      get('/apis/rbac.authorization.k8s.io/v1/clusterroles/none'),
    ],
  },
  {
    name: 'list at versions',
    steps: [
      ...filled,
      ...VERSIONS.filter((version) => version !== '1').flatMap((version) =>
        MATCHES.map((match) =>
          get(`${MAPS}?labelSelector=app&resourceVersion=${version}&resourceVersionMatch=${match}`),
        ),
      ),
      ...['', 'Exact', 'NotOlderThan'].map((match) =>
        get(`${MAPS}?labelSelector=app&limit=2&resourceVersion={versionC}&resourceVersionMatch=${match}`),
      ),
      get(`${MAPS}?labelSelector=app&limit=2&resourceVersion=0`),
      get(`${MAPS}?labelSelector=app&limit=2&resourceVersion=0&resourceVersionMatch=NotOlderThan`),
      get(`${MAPS}?resourceVersion=1&resourceVersionMatch=Exact`),
      get(`${MAPS}?sendInitialEvents=true`),
      get(`${MAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
      get(`${MAPS}?sendInitialEvents=maybe`),
      get(`${MAPS}?allowWatchBookmarks=true`),
      get(`${MAPS}?timeoutSeconds=abc`),
      get(`${MAPS}?timeoutSeconds=-1&labelSelector=app`),
    ],
  },
  {
    name: 'pages',
    steps: [
      ...filled,
      get(`${MAPS}?labelSelector=app&limit=2`, { save: { page: 'metadata.continue' } }),
      get(`${MAPS}?labelSelector=app&limit=2&continue={page}`, { save: { page: 'metadata.continue' } }),
      get(`${MAPS}?labelSelector=app&limit=2&continue={page}`),
      get(`${MAPS}?limit=2`, { save: { page: 'metadata.continue' } }),
      get(`${MAPS}?limit=1&continue={page}`),
      get(`${MAPS}?continue={page}`),
      get(`${MAPS}?limit=2&continue={page}&resourceVersion=5`),
      get(`${MAPS}?limit=2&continue={page}&resourceVersion=0`),
      get(`${MAPS}?limit=2&continue={page}&resourceVersionMatch=Exact`),
      get(`${MAPS}?limit=2&continue={page}&resourceVersionMatch=Exact&resourceVersion=5`),
      get(`${MAPS}?limit=2&continue=bogus`),
      get(`${MAPS}?limit=2&continue=bm90anNvbg`),
      get(`${MAPS}?limit=2&continue=eyJ2IjoidjEiLCJydiI6MSwic3RhcnQiOiJhIn0`),
      get(`${MAPS}?limit=2&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0`),
      get(`${MAPS}?limit=2&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIifQ`),
      get(`${MAPS}?limit=2&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9iIn0`),
      get(`${MAPS}?limit=-1&labelSelector=app`),
      get(`${MAPS}?limit=abc`),
      get(`${MAPS}?limit=0&labelSelector=app`),
      get(`${MAPS}?limit=5&labelSelector=app`),
    ],
  },
  {
    name: 'selectors',
    steps: [
      ...filled,
      ...[
        'app=even',
        'app==even',
        'app!=even,app',
        'app in (even, odd),name notin (a)',
        'app,!none',
        '!app',
        'app=',
        'app in ()',
        'app in (',
        'app=even,',
        '=even',
        'app=a b',
        'a/b/c=d',
        'app>1',
        'app>one',
        'app=-bad-',
        `${'x'.repeat(64)}=1`,
        'app%3D%3D%3Deven',
      ].map((selector) => get(`${MAPS}?labelSelector=${encodeURIComponent(selector)}`)),
      ...[
        'metadata.name=a',
        'metadata.name==a',
        'metadata.name!=a,metadata.namespace={ns}',
        'metadata.name=a,metadata.name=b',
        'metadata.namespace=other',
        'data.n=1',
        'metadata.name',
        'metadata.name in (a)',
        'metadata.name=a\\,b',
        'metadata.name=a\\x',
        '=a',
        'metadata.name=',
      ].map((selector) =>
        get(`${MAPS}?labelSelector=app&fieldSelector=${encodeURIComponent(selector).replaceAll('%7Bns%7D', '{ns}')}`),
      ),
      get('/api/v1/namespaces/{ns}/pods?fieldSelector=spec.nodeName=x'),
      get('/api/v1/namespaces/{ns}/pods?fieldSelector=spec.bogus=x'),
      get('/api/v1/namespaces/{ns}/pods?fieldSelector=status.phase!=Running,spec.restartPolicy=Always'),
      get('/api/v1/namespaces/{ns}/secrets?fieldSelector=type=Opaque'),
      get('/api/v1/namespaces/{ns}/events?fieldSelector=involvedObject.kind=Pod,reason=x'),
      get('/api/v1/nodes?fieldSelector=spec.unschedulable=true'),
      get('/api/v1/namespaces?fieldSelector=status.phase=Terminating,metadata.name=none'),
      get('/apis/batch/v1/namespaces/{ns}/jobs?fieldSelector=status.successful=1'),
      get('/apis/apps/v1/namespaces/{ns}/replicasets?fieldSelector=status.replicas=1'),
      get('/apis/apps/v1/namespaces/{ns}/deployments?fieldSelector=spec.paused=true'),
      get('/api/v1/configmaps?fieldSelector=metadata.namespace={ns},metadata.name=a'),
      get('/api/v1/namespaces/{ns}/configmaps?fieldSelector=metadata.name=a'),
    ],
  },
];
