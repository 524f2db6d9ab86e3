/** Who may approve and sign, and for whom. Source: kubernetes plugin/pkg/admission/certificates. */
import type { CertificateSigningRequest } from '@kapella/api/types/certificates-v1';
import type { AdmissionPlugin, AdmissionRequest } from '@kapella/apiserver';
import { jsonEqual } from '@kapella/base';
import { maySign } from '../../support/authorizer.ts';
import { isFor, refuse, withSpec } from '../../support/request.ts';
import { organizationsOf } from './subject.ts';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const isRequest = (request: AdmissionRequest, subresource: string) =>
  isFor(request, 'certificatesigningrequests', 'certificates.k8s.io') && request.subresource === subresource;
const oldOf = (request: AdmissionRequest) => withSpec<CertificateSigningRequest>(request.oldObject);

export const certificateApproval: AdmissionPlugin = {
  name: 'CertificateApproval',
  handles: (request) => request.operation === 'UPDATE' && isRequest(request, 'approval'),

  async validate(request, server, ctx) {
    const { signerName } = oldOf(request).spec;
    if (await maySign(request, 'approve', signerName, server, ctx)) return;
    throw refuse(request, `user not permitted to approve requests with signerName "${signerName}"`);
  },
};

export const certificateSigning: AdmissionPlugin = {
  name: 'CertificateSigning',
  handles: (request) => request.operation === 'UPDATE' && isRequest(request, 'status'),

  async validate(request, server, ctx) {
    const old = oldOf(request);
    const next = withSpec<CertificateSigningRequest>(request.object);
    const sameConditions = jsonEqual(old.status?.conditions ?? [], next.status?.conditions ?? []);
    if (sameConditions && (old.status?.certificate ?? '') === (next.status?.certificate ?? '')) return;
    const { signerName } = old.spec;
    if (await maySign(request, 'sign', signerName, server, ctx)) return;
    throw refuse(request, `user not permitted to sign requests with signerName "${signerName}"`);
  },
};

/** Nobody becomes an administrator by a request. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => request.operation === 'CREATE' && isRequest(request, ''),

  async validate(request) {
    const { spec } = withSpec<CertificateSigningRequest>(request.object);
    if (spec.signerName !== CLIENT_SIGNER) return;
    const organizations = organizationsOf(spec.request);
    if (organizations === undefined) {
      throw refuse(request, 'failed to parse CSR: PEM block type must be CERTIFICATE REQUEST');
    }
    if (organizations.includes('system:masters')) {
      throw refuse(request, `use of ${CLIENT_SIGNER} signer with system:masters group is not allowed`);
    }
  },
};
