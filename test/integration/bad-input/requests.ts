/** Requests that are wrong as such: method, path, media type, body, options, versions, identity. */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { describe, test } from 'node:test';
import type { Api, ApiRequest } from '../../support/api.ts';
import type { Session } from '../../support/session.ts';
import type { Status } from './bad-input.test.ts';

interface WrongRequest {
  readonly title: string;
  readonly method: string;
  /** NS stands for the namespace. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly reason: string | undefined;
  readonly message: RegExp;
}

const MAPS = '/api/v1/namespaces/NS/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/NS/deployments';
const map = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });
const as = (type: string) => ({ 'content-type': type });
const MERGE = as('application/merge-patch+json');

const PATHS: readonly WrongRequest[] = [
  {
    title: 'an object that is not there',
    method: 'GET',
    path: `${MAPS}/none`,
    code: 404,
    reason: 'NotFound',
    message: /^configmaps "none" not found$/,
  },
  {
    title: 'a group that is not there',
    method: 'GET',
    path: '/apis/none.example/v1/things',
    code: 404,
    reason: 'NotFound',
    message: /the server could not find the requested resource|404 page not found/,
  },
  {
    title: 'a version that is not there',
    method: 'GET',
    path: '/apis/apps/v1beta9/deployments',
    code: 404,
    reason: 'NotFound',
    message: /could not find the requested resource|404 page not found/,
  },
  {
    title: 'a namespace that is not there',
    method: 'POST',
    path: '/api/v1/namespaces/none/configmaps',
    body: map('a'),
    code: 404,
    reason: 'NotFound',
    message: /^namespaces "none" not found$/,
  },
  {
    title: 'a method that is not there',
    method: 'PATCH',
    path: MAPS,
    headers: MERGE,
    body: {},
    code: 405,
    reason: 'MethodNotAllowed',
    message: /the server does not allow this method on the requested resource/,
  },
  {
    title: 'deleting what is not there',
    method: 'DELETE',
    path: `${MAPS}/none`,
    code: 404,
    reason: 'NotFound',
    message: /configmaps "none" not found/,
  },
];

const BODIES: readonly WrongRequest[] = [
  {
    title: 'another kind',
    method: 'POST',
    path: MAPS,
    body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
    code: 400,
    reason: 'BadRequest',
    message: /Pod in version "v1" cannot be handled as a ConfigMap/,
  },
  {
    title: 'another group',
    method: 'POST',
    path: DEPLOYMENTS,
    body: { apiVersion: 'extensions/v1beta1', kind: 'Deployment', metadata: { name: 'a' } },
    code: 400,
    reason: 'BadRequest',
    message: new RegExp(
      [
        'no kind "Deployment" is registered for version "extensions/v1beta1"',
        'cannot be handled as a Deployment',
        'does not match the expected API version',
      ].join('|'),
    ),
  },
  {
    title: 'another namespace',
    method: 'POST',
    path: MAPS,
    body: { metadata: { name: 'a', namespace: 'other' } },
    code: 400,
    reason: 'BadRequest',
    message: /the namespace of the provided object does not match the namespace sent on the request/,
  },
  {
    title: 'another name',
    method: 'PUT',
    path: `${MAPS}/a`,
    body: map('b'),
    code: 400,
    reason: 'BadRequest',
    message: /the name of the object \(b\) does not match the name on the URL \(a\)/,
  },
  {
    title: 'no JSON',
    method: 'POST',
    path: MAPS,
    body: '{"metadata":',
    code: 400,
    reason: 'BadRequest',
    message: /unexpected end of JSON input|couldn't get version\/kind; json parse error/,
  },
  {
    title: 'JSON that is no object',
    method: 'POST',
    path: MAPS,
    body: '[1,2]',
    code: 400,
    reason: 'BadRequest',
    message: /cannot unmarshal array/,
  },
  { title: 'an empty body', method: 'POST', path: MAPS, body: '', code: 400, reason: 'BadRequest', message: /./ },
  {
    title: 'a number where text belongs',
    method: 'POST',
    path: MAPS,
    body: map('a', { data: { n: 1 } }),
    code: 400,
    reason: 'BadRequest',
    message: /cannot unmarshal number into Go struct field ConfigMap\.data of type string/,
  },
  {
    title: 'text where a number belongs',
    method: 'POST',
    path: DEPLOYMENTS,
    body: { metadata: { name: 'a' }, spec: { replicas: 'two' } },
    code: 400,
    reason: 'BadRequest',
    message: /cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
  },
  {
    title: 'an amount that is none',
    method: 'POST',
    path: '/api/v1/namespaces/NS/pods',
    body: {
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '1x' } } }] },
    },
    code: 400,
    reason: 'BadRequest',
    message: /quantities must match the regular expression/,
  },
  {
    title: 'bytes that are no base64',
    method: 'POST',
    path: '/api/v1/namespaces/NS/secrets',
    body: { metadata: { name: 'a' }, data: { a: '***' } },
    code: 400,
    reason: 'BadRequest',
    message: /illegal base64 data at input byte 0/,
  },
  {
    title: 'YAML that is none',
    method: 'POST',
    path: MAPS,
    headers: as('application/yaml'),
    body: 'metadata:\n  name: a\n data: [',
    code: 400,
    reason: 'BadRequest',
    message: /yaml: .*line \d/,
  },
  {
    title: 'a media type of no meaning',
    method: 'POST',
    path: MAPS,
    headers: as('text/csv'),
    body: 'a,b',
    code: 415,
    reason: 'UnsupportedMediaType',
    message: /the body of the request was in an unknown format - accepted media types include: .*application\/json/,
  },
  {
    title: 'a patch of no meaning',
    method: 'PATCH',
    path: `${MAPS}/kube-root-ca.crt`,
    headers: as('text/plain'),
    body: 'x',
    code: 415,
    reason: 'UnsupportedMediaType',
    message: /^415: Unsupported Media Type$/,
  },
  {
    title: 'an answer in no known format',
    method: 'GET',
    path: MAPS,
    headers: { accept: 'text/csv' },
    code: 406,
    reason: 'NotAcceptable',
    message: /^406: Not Acceptable\n\nAvailable representations: application\/json, /,
  },
  {
    title: 'a body of 3.2 MB',
    method: 'POST',
    path: MAPS,
    body: map('a', { data: { a: 'x'.repeat(3_200_000) } }),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: /limit is 3145728/,
  },
  {
    title: 'an unknown field, strictly',
    method: 'POST',
    path: `${MAPS}?fieldValidation=Strict`,
    body: map('a', { date: {}, metadata: { name: 'a', lables: {} } }),
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: unknown field "metadata\.lables", unknown field "date"/,
  },
  {
    title: 'a field given twice, strictly',
    method: 'POST',
    path: `${MAPS}?fieldValidation=Strict`,
    body: '{"metadata":{"name":"a"},"data":{"a":"1","a":"2"}}',
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: duplicate field "data\.a"/,
  },
];

const OPTIONS: readonly WrongRequest[] = [
  {
    title: 'a label selector',
    method: 'GET',
    path: `${MAPS}?labelSelector=a%3D%3D%3Db`,
    code: 400,
    reason: 'BadRequest',
    message: /unable to parse requirement|found '=', expected/,
  },
  {
    title: 'a field selector',
    method: 'GET',
    path: '/api/v1/pods?fieldSelector=spec.bogus%3D1',
    code: 400,
    reason: 'BadRequest',
    message: /field label not supported: spec\.bogus/,
  },
  {
    title: 'a continue token',
    method: 'GET',
    path: `${MAPS}?limit=1&continue=nope`,
    code: 400,
    reason: 'BadRequest',
    message: /continue key is not valid/,
  },
  {
    title: 'a resource version that is no number',
    method: 'GET',
    path: `${MAPS}?watch=1&resourceVersion=abc`,
    code: 500, // upstream's answer to a watch
    reason: undefined,
    message: /Invalid value: "abc": strconv\.ParseUint: parsing "abc": invalid syntax/,
  },
  {
    title: 'a dry run of no meaning',
    method: 'POST',
    path: `${MAPS}?dryRun=Maybe`,
    body: map('a'),
    code: 422,
    reason: 'Invalid',
    message: /dryRun: Unsupported value: \["Maybe"\]: supported values: "All"/,
  },
  {
    title: 'apply without a manager',
    method: 'PATCH',
    path: `${MAPS}/a`,
    headers: as('application/apply-patch+yaml'),
    body: map('a'),
    code: 422,
    reason: 'Invalid',
    message: /fieldManager: Required value: is required for apply patch/,
  },
  {
    title: 'a JSON patch that does not fit',
    method: 'PATCH',
    path: `${MAPS}/kube-root-ca.crt`,
    headers: as('application/json-patch+json'),
    body: [{ op: 'remove', path: '/nope' }],
    code: 422,
    reason: 'Invalid',
    message: /the server rejected our request due to an error in our request/,
  },
  {
    title: 'a JSON patch that is none',
    method: 'PATCH',
    path: `${MAPS}/kube-root-ca.crt`,
    headers: as('application/json-patch+json'),
    body: { op: 'remove' },
    code: 400,
    reason: 'BadRequest',
    message: /./,
  },
  {
    title: 'a precondition that is not met',
    method: 'DELETE',
    path: `${MAPS}/kube-root-ca.crt`,
    body: { preconditions: { uid: 'other' } },
    code: 409,
    reason: 'Conflict',
    message: /the UID in the precondition \(other\) does not match the UID in record/,
  },
  {
    title: 'a propagation policy of no meaning',
    method: 'DELETE',
    path: `${MAPS}/kube-root-ca.crt`,
    body: { propagationPolicy: 'Sideways' },
    code: 422,
    reason: 'Invalid',
    message: /propagationPolicy: Unsupported value: "Sideways"/,
  },
  {
    title: 'a grace period and a container that is not there: logs',
    method: 'GET',
    path: '/api/v1/namespaces/NS/pods/none/log',
    code: 404,
    reason: 'NotFound',
    message: /pods "none" not found/,
  },
];

export function requestTests(api: () => Api, session: () => Session): void {
  const send = ({ method, path, body, headers }: Pick<WrongRequest, 'method' | 'path' | 'body' | 'headers'>) => {
    const options: ApiRequest = {
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(headers === undefined ? {} : { headers }),
    };
    return api().request(method, path.replace('NS', session().ns), options);
  };
  for (const [group, rows] of Object.entries({ 'the path': PATHS, 'the body': BODIES, 'the options': OPTIONS })) {
    describe(`a request with something wrong in ${group}`, () => {
      for (const row of rows) {
        test(row.title, async () => {
          const answer = await send(row);
          assert.equal(answer.status, row.code, answer.text);
          if (answer.text.startsWith('404 page not found')) return; // as upstream, for what no group serves
          const status = JSON.parse(answer.text) as Status;
          assert.deepEqual(
            [status.kind, status.status, status.code, status.reason],
            ['Status', 'Failure', row.code, row.reason],
            answer.text,
          );
          assert.match(status.message ?? '', row.message);
        });
      }
    });
  }

  describe('writes that come too late or twice', () => {
    test('the same name: AlreadyExists; an old version: Conflict, and the newer one stays', async () => {
      const path = MAPS;
      const first = await send({ method: 'POST', path, body: map('race', { data: { a: '1' } }) });
      assert.equal(first.status, 201);
      const twice = await send({ method: 'POST', path, body: map('race') });
      assert.equal(twice.status, 409);
      assert.match(twice.text, /"message":"configmaps \\"race\\" already exists","reason":"AlreadyExists"/);
      const old = JSON.parse(first.text) as object;
      const newer = await send({ method: 'PUT', path: `${path}/race`, body: map('race', { data: { a: '2' } }) });
      assert.equal(newer.status, 200);
      const late = await send({ method: 'PUT', path: `${path}/race`, body: old });
      assert.equal(late.status, 409);
      assert.match(
        late.text,
        new RegExp(
          'Operation cannot be fulfilled on configmaps \\\\"race\\\\": the object has been modified; ' +
            'please apply your changes to the latest version and try again',
        ),
      );
      assert.match((await send({ method: 'GET', path: `${path}/race` })).text, /"data":\{"a":"2"\}/);
    });
  });

  describe('fields that nobody knows', () => {
    const body = map('unknown', { nope: 1, metadata: { name: 'unknown', alsoNope: true } });
    test('Warn: two warnings, and the rest is stored', async () => {
      const answer = await send({ method: 'POST', path: `${MAPS}?fieldValidation=Warn`, body });
      assert.equal(answer.status, 201, answer.text);
      const warnings = String(answer.headers['warning']);
      assert.match(warnings, /299 - "unknown field \\"metadata\.alsoNope\\""/);
      assert.match(warnings, /299 - "unknown field \\"nope\\""/);
      assert.doesNotMatch(answer.text, /nope/i);
    });
    test('Ignore: no warning', async () => {
      const answer = await send({ method: 'PUT', path: `${MAPS}/unknown?fieldValidation=Ignore`, body });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers['warning'], undefined);
    });
  });

  describe('bodies made to hurt', () => {
    test('keys with a meaning in JavaScript are data like all others', async () => {
      const body = '{"metadata":{"name":"proto"},"data":{"__proto__":"kept","constructor":"too"}}';
      const created = await send({ method: 'POST', path: MAPS, body });
      assert.equal(created.status, 201, created.text);
      const { data } = JSON.parse((await send({ method: 'GET', path: `${MAPS}/proto` })).text) as { data: object };
      assert.deepEqual(Object.entries(data).toSorted(), [
        ['__proto__', 'kept'],
        ['constructor', 'too'],
      ]);
    });

    test('a hundred thousand brackets are refused at once', async () => {
      const body = `{"metadata":{"name":"deep","annotations":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
      const start = performance.now();
      const answer = await send({ method: 'POST', path: MAPS, body });
      assert.equal(answer.status, 400, answer.text.slice(0, 200));
      assert.ok(performance.now() - start < 5000);
    });

    test('YAML whose aliases multiply is refused at once', async () => {
      const rows = Array.from(
        { length: 12 },
        (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`,
      );
      const body = `metadata: {name: bomb}\na0: &a0 [x]\n${rows.join('\n')}\n`;
      const answer = await send({ method: 'POST', path: MAPS, headers: as('application/yaml'), body });
      assert.ok(answer.status === 400 || answer.status === 413, `${answer.status}`);
    });
  });

  describe('strangers', () => {
    test('without a certificate: nobody may read; with a wrong token: 401', async () => {
      const { url } = api();
      const anonymous = await stranger(`${url}/api/v1/pods`, {});
      assert.equal(anonymous.code, 403);
      assert.match(
        anonymous.text,
        /pods is forbidden: User \\"system:anonymous\\" cannot list resource \\"pods\\" in API group \\"\\" at the cluster scope/,
      );
      const wrong = await stranger(`${url}/api/v1/pods`, { authorization: 'Bearer nonsense' });
      assert.equal(wrong.code, 401);
      assert.match(wrong.text, /"reason":"Unauthorized"/);
      assert.equal((await stranger(`${url}/readyz`, {})).code, 200, 'health is for everybody');
    });
  });
}

/** A request without the administrator's certificate. */
function stranger(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, rejectUnauthorized: false, agent: false }, (incoming) => {
      let text = '';
      incoming.on('data', (chunk) => (text += chunk));
      incoming.on('end', () => resolve({ code: incoming.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
