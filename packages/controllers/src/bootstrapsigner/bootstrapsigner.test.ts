/** cluster-info is signed for those who hold a token for it, and for them only. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createBootstrapSigner, detachedSignature, planSignatures } from './bootstrapsigner.controller.ts';

/** As cluster-bootstrap's own jws_test.go has it. */
const CONTENT = 'Hello from the other side. I must have called a thousand times.';
const SIGNATURE = 'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8';

test('a signature is that of upstream', () => {
  assert.equal(detachedSignature(CONTENT, 'joshua', 'my voice is my passcode'), SIGNATURE);
  const [header = ''] = SIGNATURE.split('..');
  const payload = Buffer.from(CONTENT).toString('base64url');
  const mac = createHmac('sha256', 'secret').update(`${header}.${payload}`).digest('base64url');
  assert.equal(detachedSignature(CONTENT, 'joshua', 'secret'), `${header}..${mac}`);
});

function token(id: string, data: Record<string, string> = {}, more: object = {}) {
  const all = { 'token-id': id, 'token-secret': `secret-of-${id}`, 'usage-bootstrap-signing': 'true', ...data };
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token' },
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system', uid: id },
    data: Object.fromEntries(Object.entries(all).map(([key, value]) => [key, btoa(value)])),
    ...more,
  };
}
const clusterInfo = (data: Record<string, string>) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  metadata: { name: 'cluster-info', namespace: 'kube-public', uid: 'ci' },
  data,
});
const NOW = Date.parse('2026-01-01T00:00:00Z');
const plan = (data: Record<string, string>, secrets: object[]) =>
  planSignatures(clusterInfo(data) as never, secrets as never, NOW);

test('good tokens sign, others do not, signatures of former ones go', () => {
  const signed = plan({ kubeconfig: 'x', other: 'kept', 'jws-kubeconfig-former': 'y' }, [
    token('abcdef', { expiration: '2026-01-01T00:01:00Z' }),
    token('aaaaaa', { expiration: '2025-12-31T00:00:00Z' }),
    token('bbbbbb', { 'usage-bootstrap-signing': '' }),
    token('cccccc', { 'token-secret': '' }),
    token('dddddd', { 'token-id': 'eeeeee' }),
    token('ffffff', {}, { type: 'Opaque' }),
  ]);
  assert.deepEqual(Object.keys(signed?.data ?? {}).sort(), ['jws-kubeconfig-abcdef', 'kubeconfig', 'other']);
  assert.equal(signed?.recheckMs, 60_000);
  assert.equal(plan({ other: 'x' }, [token('abcdef')]), undefined);
  const good = { kubeconfig: 'x', 'jws-kubeconfig-abcdef': detachedSignature('x', 'abcdef', 'secret-of-abcdef') };
  assert.deepEqual(plan(good, [token('abcdef')]), { data: undefined, recheckMs: undefined });
});

test('the controller signs as tokens come, change, expire and go', async () => {
  const bed = createTestBed();
  bed.api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-public' } });
  bed.api.seed(clusterInfo({ kubeconfig: 'x' }));
  bed.api.seed({ ...token('zzzzzz'), metadata: { name: 'bootstrap-token-zzzzzz', namespace: 'default', uid: 'z' } });
  await bed.start(createBootstrapSigner(bed.deps));
  const signers = () =>
    Object.keys(bed.api.objects(coreV1.ConfigMap)[0]?.data ?? {})
      .filter((key) => key.startsWith('jws-'))
      .sort();
  assert.deepEqual(signers(), []);
  const expiration = new Date(bed.clock.nowMs() + 60_000).toISOString();
  await bed.client.create(coreV1.Secret, token('abcdef', { expiration }) as never, bed.ctx);
  await bed.client.create(coreV1.Secret, token('aaaaaa') as never, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(signers(), ['jws-kubeconfig-aaaaaa', 'jws-kubeconfig-abcdef']);
  await bed.clock.advance(60_000);
  assert.deepEqual(signers(), ['jws-kubeconfig-aaaaaa']);
  const name = { namespace: 'kube-public', name: 'cluster-info' };
  await bed.client.patch(
    coreV1.ConfigMap,
    name,
    { type: 'merge', body: { data: { 'jws-kubeconfig-aaaaaa': 'forged' } } },
    bed.ctx,
  );
  await bed.clock.advance(100);
  assert.equal(
    bed.api.objects(coreV1.ConfigMap)[0]?.data?.['jws-kubeconfig-aaaaaa'],
    detachedSignature('x', 'aaaaaa', 'secret-of-aaaaaa'),
  );
  await bed.client.delete(coreV1.Secret, { namespace: 'kube-system', name: 'bootstrap-token-aaaaaa' }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(signers(), []);
  await bed.stop();
});
