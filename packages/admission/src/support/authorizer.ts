/** What plugins ask of the composition root's service `authorizer`. */
import type { AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';

interface Authorizer {
  authorize(question: object, ctx: Ctx): Promise<{ readonly decision: string }>;
}

/** On the signer by name or on all signers of its domain. Source: pkg/apis/certificates/... certauthorization. */
export async function maySign(
  request: AdmissionRequest,
  verb: 'approve' | 'sign',
  signerName: string,
  server: ServerAccess,
  ctx: Ctx,
): Promise<boolean> {
  const authorizer = server.service<Authorizer>('authorizer');
  const domain = signerName.split('/')[0] ?? '';
  for (const name of [signerName, `${domain}/*`]) {
    const question = {
      user: request.user,
      verb,
      isResource: true,
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
      path: '',
    };
    if ((await authorizer.authorize(question, ctx)).decision === 'allow') return true;
  }
  return false;
}
