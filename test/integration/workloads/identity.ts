/** The projected token of a service account: what it opens, for whom, and until when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestCluster } from '../../support/cluster.ts';
import { pod } from '../../support/manifests.ts';
import { NODE_IMAGE } from '../../support/node-image.ts';
import { openSession, type Session } from '../../support/session.ts';

const DIR = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Prints status and body of a request to the API server as the Pod makes it: name, certificate authority and token. */
const CLIENT = `
const { readFileSync } = require('node:fs');
const [method, path, tokenFile = '${DIR}/token', body] = process.argv.slice(2);
const headers = { authorization: 'Bearer ' + readFileSync(tokenFile, 'utf8'), 'content-type': 'application/json' };
const ca = readFileSync('${DIR}/ca.crt');
require('node:https').request('https://kubernetes.default.svc' + path, { method, ca, headers }, (answer) => {
  let text = '';
  answer.on('data', (chunk) => text += chunk);
  answer.on('end', () => console.log(answer.statusCode + ' ' + text));
}).end(body);
`;

interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly error?: string;
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
}

export function identityTests(cluster: () => TestCluster): void {
  test('the API server accepts the token of a Pod, and gives it what RBAC gives it', async () => {
    const s = await openSession(cluster(), 'token');
    await s.apply(clientPod());
    await s.ready('main');
    const who = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`;
    const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    assert.match(
      await ask(s, `POST ${review} ${DIR}/token '${who}'`),
      new RegExp(`^201 .*system:serviceaccount:${s.ns}:default`),
    );
    const list = `GET /api/v1/namespaces/${s.ns}/pods`;
    assert.match(await ask(s, list), /^403 .*cannot list resource \\"pods\\"/);
    await s.k(`create rolebinding look --clusterrole=view --serviceaccount=${s.ns}:default`);
    assert.match(await ask(s, list), /^200 .*"PodList"/);
    assert.match(await ask(s, `GET /api/v1/namespaces/${s.ns}/secrets`), /^403/);
    assert.match(await ask(s, `${list} /vault/token`), /^401/, 'a token for another audience opens nothing here');
    assert.equal(await s.exec('main', `cat ${DIR}/namespace`), s.ns);
    assert.match(await s.exec('main', `cat ${DIR}/ca.crt`), /BEGIN CERTIFICATE/);
  });

  test('TokenReview knows a token, its Pod, its audience, and that it ends with the Pod', async () => {
    const s = await openSession(cluster(), 'review');
    await s.apply(clientPod());
    const { metadata } = await s.ready('main');
    const token = await s.exec('main', `cat ${DIR}/token`);
    const known = await reviewOf(s, { token });
    assert.equal(known.authenticated, true);
    assert.equal(known.user?.username, `system:serviceaccount:${s.ns}:default`);
    assert.deepEqual(known.user?.extra?.['authentication.kubernetes.io/pod-name'], ['main']);
    assert.deepEqual(known.user?.extra?.['authentication.kubernetes.io/pod-uid'], [metadata.uid]);

    const vault = await s.exec('main', 'cat /vault/token');
    const forVault = await reviewOf(s, { token: vault, audiences: ['vault', 'other'] });
    assert.equal(forVault.authenticated, true);
    assert.deepEqual(forVault.audiences, ['vault']);
    assert.notEqual((await reviewOf(s, { token: vault })).authenticated, true);
    assert.notEqual((await reviewOf(s, { token: `${token}x` })).authenticated, true);
    await s.k('delete pod main --force --grace-period=0');
    const ended = await reviewOf(s, { token });
    assert.notEqual(ended.authenticated, true);
  });

  test('kubectl create token; a Pod that wants none gets none', async () => {
    const s = await openSession(cluster(), 'mint');
    const token = (await s.k('create token default --duration=10m')).trim();
    assert.equal((await reviewOf(s, { token })).authenticated, true);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      exp: number;
      iat: number;
    };
    assert.equal(claims.exp - claims.iat, 600);
    await s.apply(pod('bare', { spec: { automountServiceAccountToken: false } }));
    await s.ready('bare');
    assert.equal(await s.exec('bare', `ls ${DIR} 2>&1 || true`), `ls: ${DIR}: No such file or directory`);
  });
}

function clientPod(): object {
  const projected = {
    sources: [{ serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } }],
  };
  return pod('main', {
    image: NODE_IMAGE,
    container: { volumeMounts: [{ name: 'vault', mountPath: '/vault' }] },
    spec: { volumes: [{ name: 'vault', projected }] },
  });
}

const ask = (s: Session, args: string) =>
  s.exec('main', `cat > /tmp/client.cjs <<'END'\n${CLIENT}\nEND\nnode /tmp/client.cjs ${args}`);

async function reviewOf(s: Session, spec: object): Promise<TokenReviewStatus> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
  const input = JSON.stringify(body);
  return (JSON.parse(await s.k('create -f - -o json', { input })) as { status: TokenReviewStatus }).status;
}
