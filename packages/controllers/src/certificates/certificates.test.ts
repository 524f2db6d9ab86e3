/** Approval, signing and cleaning with X.509 played by a table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificatesV1 } from '@kapella/api';
import { formatTime } from '@kapella/base';
import { createHarness } from '../workload/harness.test-support.ts';
import * as certificates from './certificates.controller.ts';
import {
  type CertificateRequest,
  faultOfClient,
  faultOfKubeletClient,
  faultOfKubeletServing,
  type SigningRequest,
} from './x509.ts';

const HOUR_MS = 3_600_000;
const CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const node: CertificateRequest = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: [],
  emailAddresses: [],
  ipAddresses: [],
  uris: [],
};
const usages = ['digital signature', 'client auth'];
const x509 = { parseRequest: () => node, notAfterMs: (text: string) => Number(text) };

const csr = (spec: object = {}, status: object = {}) => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name: 'r' },
  spec: { request: 'cmVx', signerName: CLIENT, usages, username: 'system:bootstrap:x', groups: ['g'], ...spec },
  status,
});

async function begin(object: object, allowed: readonly string[] = []) {
  const t = createHarness();
  const asked: string[] = [];
  t.api.intercept = (call) => {
    if (call.plural !== 'subjectaccessreviews') {
      // The fake knows no subresource `approval`: it is one of status.
      if (call.subresource === 'approval') (call as { subresource: string }).subresource = 'status';
      return undefined;
    }
    const { subresource } = call.body.spec.resourceAttributes;
    asked.push(`${call.body.spec.user}:${subresource}`);
    return { ...call.body, status: { allowed: allowed.includes(subresource) } };
  };
  t.api.seed(object);
  const read = () => t.api.objects(certificatesV1.CertificateSigningRequest)[0];
  return { ...t, asked, read };
}

test('approves for those who may ask, and only node client certificates', async () => {
  const t = await begin(csr(), ['nodeclient']);
  await t.start(certificates.createCsrApprovingController(t.deps, { x509 }));
  assert.deepEqual(t.asked, ['system:bootstrap:x:nodeclient']);
  const [condition] = t.read()?.status?.conditions ?? [];
  assert.deepEqual(
    [condition?.type, condition?.reason, condition?.message],
    ['Approved', 'AutoApproved', 'Auto approving kubelet client certificate after SubjectAccessReview.'],
  );
  await t.stop();

  const self = await begin(csr({ username: 'system:node:n1' }), []);
  await self.start(certificates.createCsrApprovingController(self.deps, { x509 }));
  assert.deepEqual(self.asked.slice(0, 2), ['system:node:n1:selfnodeclient', 'system:node:n1:nodeclient']);
  assert.equal(self.read()?.status?.conditions, undefined);
  await self.stop();
});

test('signs what is approved, for the asked time within bounds; says what is wrong', async () => {
  const approved = { conditions: [{ type: 'Approved', status: 'True' }] };
  const signed: SigningRequest[] = [];
  const signers = new Map([
    [
      CLIENT,
      {
        sign: async (request: SigningRequest) => {
          signed.push(request);
          return 'Y2VydA==';
        },
      },
    ],
  ]);
  const t = await begin(csr({ expirationSeconds: 60 }, approved));
  await t.start(certificates.createCsrSigningController(t.deps, { x509, signers }));
  assert.equal(t.read()?.status?.certificate, 'Y2VydA==');
  assert.equal((signed[0]?.notAfterMs ?? 0) - t.clock.nowMs(), 600_000);
  await t.stop();

  const bad = await begin(csr({ usages: ['any'] }, approved));
  await bad.start(certificates.createCsrSigningController(bad.deps, { x509, signers }));
  const condition = bad.read()?.status?.conditions?.[1];
  assert.deepEqual(
    [condition?.type, condition?.reason, condition?.message],
    ['Failed', 'SignerValidationFailure', 'usages did not match [client auth digital signature key encipherment]'],
  );
  assert.equal(signed.length, 1);
  await bad.stop();
});

test('a request that is not approved is not signed', async () => {
  const t = await begin(csr());
  await t.start(
    certificates.createCsrSigningController(t.deps, { x509, signers: new Map([[CLIENT, { sign: async () => 'x' }]]) }),
  );
  assert.equal(t.read()?.status?.certificate, undefined);
  await t.stop();
});

test('old requests go', async () => {
  const nowMs = Date.UTC(2026, 0, 10);
  const at = (hours: number) => formatTime(nowMs - hours * HOUR_MS);
  const condition = (type: string, hours: number) => ({
    conditions: [{ type, status: 'True', lastUpdateTime: at(hours) }],
  });
  const rows: readonly [object, number, boolean][] = [
    [{}, 23, false],
    [{}, 25, true],
    [condition('Denied', 2), 2, true],
    [condition('Failed', 0.5), 2, false],
    [condition('Approved', 2), 2, false],
    [condition('Approved', 25), 25, true],
    [{ ...condition('Approved', 2), certificate: String(nowMs + 1) }, 2, true],
    [{ ...condition('Approved', 0.5), certificate: String(nowMs + 1) }, 2, false],
    [{ ...condition('Approved', 0.5), certificate: String(nowMs - 1) }, 2, true],
  ];
  for (const [status, ageHours, gone] of rows) {
    const object = { ...csr({}, status), metadata: { name: 'r', creationTimestamp: at(ageHours) } };
    assert.equal(certificates.isOutdated(object as never, x509.notAfterMs, nowMs), gone, JSON.stringify(status));
  }
});

test('what node agents and clients may ask for', () => {
  assert.equal(faultOfKubeletClient(node, usages), undefined);
  assert.equal(
    faultOfKubeletClient({ ...node, organizations: ['x'] }, usages),
    'subject organization is not system:nodes',
  );
  assert.equal(
    faultOfKubeletClient({ ...node, commonName: 'x' }, usages),
    'subject common name does not begin with system:node:',
  );
  const serving = ['digital signature', 'key encipherment', 'server auth'];
  assert.equal(faultOfKubeletServing(node, serving), 'DNS or IP subjectAltName is required');
  assert.equal(faultOfKubeletServing({ ...node, ipAddresses: ['10.0.0.1'] }, serving), undefined);
  assert.equal(faultOfClient(['client auth', 'any']), 'invalid usage for client certificate: any');
  assert.equal(faultOfClient(['digital signature']), 'missing required usage for client certificate: client auth');
});
