/** Approves the certificates that a node asks for in its own name. Source: kubernetes docs, kubelet TLS bootstrapping. */
import { certificatesV1, coreV1, type KubeObject } from '@kapella/api';
import type { CertificateSigningRequest } from '@kapella/api/types/certificates-v1';
import type { Node } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import type { CertificateFacts } from '@kapella/controllers';
import { NODE_NETWORK_GROUP } from '../bootstrap/groups.ts';

type Request = Awaited<ReturnType<CertificateFacts['x509']['parseRequest']>>;

/**
 * Whether a node asks for a certificate of its own: of its HTTPS server, for addresses that its Node object has, or of
 * its proxy and DNS. Pure; why not, or undefined.
 */
export function faultOfNodeRequest(
  { spec }: Pick<CertificateSigningRequest, 'spec'>,
  request: Request,
  node: Pick<Node, 'status'> | undefined,
): string | undefined {
  const prefix = 'system:node:';
  const { username = '', groups = [], signerName } = spec;
  if (!username.startsWith(prefix) || !groups.includes('system:nodes')) return 'not asked for by a node';
  const name = username.slice(prefix.length);
  if (request.emailAddresses.length + request.uris.length > 0) return 'neither emails nor URIs are approved';
  if (signerName === 'kubernetes.io/kube-apiserver-client') {
    const isNetwork = request.organizations.join() === NODE_NETWORK_GROUP;
    if (!isNetwork || request.commonName !== `${NODE_NETWORK_GROUP}:${name}`) return 'not for the proxy of that node';
    return request.dnsNames.length + request.ipAddresses.length > 0 ? 'a client has no addresses' : undefined;
  }
  if (signerName !== 'kubernetes.io/kubelet-serving') return 'of another signer';
  if (request.commonName !== username) return 'for another node';
  const addresses = new Set((node?.status?.addresses ?? []).map(({ address }) => address));
  const stranger = [...request.dnsNames, ...request.ipAddresses].find((one) => one !== name && !addresses.has(one));
  return stranger === undefined ? undefined : `${stranger} is no address of node ${name}`;
}

const CSR = certificatesV1.CertificateSigningRequest;

/** Approves what a node asks for itself; all else is left to the administrator. */
export function createNodeCertificateApprover(
  { cache, client }: ControllerDeps,
  { x509 }: CertificateFacts,
): Controller {
  return defineController({
    name: 'node-certificate-approver',
    primary: CSR,
    retryMinMs: 500,
    async reconcile(key, ctx) {
      const csr = cache.get(CSR, key);
      const conditions = csr?.status?.conditions ?? [];
      if (csr === undefined || conditions.length > 0 || (csr.status?.certificate ?? '') !== '') return {};
      const { signerName, username = '' } = csr.spec;
      if (signerName !== 'kubernetes.io/kubelet-serving' && signerName !== 'kubernetes.io/kube-apiserver-client') {
        return {};
      }
      if (!username.startsWith('system:node:')) return {};
      const node = await client.get(coreV1.Node, { name: username.slice('system:node:'.length) }, ctx);
      const fault = faultOfNodeRequest(csr, await x509.parseRequest(csr.spec.request), node);
      // A node that has just registered may not have said its addresses yet: asked again with growing pauses.
      if (fault !== undefined) throw new Error(`certificate request ${csr.metadata.name} not approved: ${fault}`);
      const time = formatTime(ctx.clock.nowMs());
      const condition = {
        type: 'Approved',
        status: 'True',
        reason: 'AutoApproved',
        message: 'Asked for by the node itself.',
        lastUpdateTime: time,
        lastTransitionTime: time,
      };
      const approved = { ...csr, status: { ...csr.status, conditions: [condition] } } as typeof csr & KubeObject;
      await client.update(CSR, approved, ctx, { subresource: 'approval' });
      return {};
    },
  });
}
