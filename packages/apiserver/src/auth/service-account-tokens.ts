/** Tokens of service accounts, as the server asks for them; who signs is the host's business. */
import { coreV1, type UnknownObject } from '@kapella/api';
import { ApiError, type Ctx, parseTime } from '@kapella/base';
import type { ServerAccess, UserInfo } from '../resource.ts';
import type { TokenAuthenticator } from './contract.ts';

export interface IssueRequest {
  readonly serviceAccount: {
    readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid: string };
  };
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundTo?: { readonly kind: 'Pod' | 'Secret' | 'Node'; readonly name: string; readonly uid: string };
  readonly node?: { readonly name: string; readonly uid: string };
}

/** Also the service `tokenIssuer`. */
export interface ServiceAccountTokens {
  readonly defaultAudiences: readonly string[];
  readonly issuer: string;
  issue(request: IssueRequest, ctx: Ctx): Promise<{ readonly token: string; readonly expirationTimestamp: string }>;
  /** `access` tells whether what a token is bound to still exists. */
  authenticator(access: () => ServerAccess): TokenAuthenticator;
  /** The document at /openid/v1/jwks. */
  jwks(): object;
}

const POD_GONE_LEEWAY_MS = 60_000;

interface Bound {
  readonly name: string;
  readonly uid: string;
}

/** The claim `kubernetes.io`: whose token it is and what it lives and dies with. */
export interface BoundClaims {
  readonly namespace: string;
  readonly serviceaccount: Bound;
  readonly pod?: Bound;
  readonly node?: Bound;
  readonly secret?: Bound;
}

/** Throws Unauthorized when an object that the token is bound to is gone or another one has its name. */
export async function checkBoundObjects(bound: BoundClaims, access: ServerAccess, nowMs: number): Promise<void> {
  const { namespace, serviceaccount, pod, secret, node } = bound;
  const check = async (found: Promise<unknown>, wanted: Bound, what: string) => {
    const object = (await found) as UnknownObject | undefined;
    const deletedMs = parseTime(object?.metadata.deletionTimestamp);
    const isGone = object === undefined || object.metadata.uid !== wanted.uid;
    if (isGone || (deletedMs !== undefined && deletedMs + POD_GONE_LEEWAY_MS < nowMs)) {
      const cause = new Error(`${what} ${namespace}/${wanted.name} of the token is gone`);
      throw new ApiError('Unauthorized', 'Unauthorized', { details: {}, cause });
    }
  };
  await check(access.get(coreV1.ServiceAccount, namespace, serviceaccount.name), serviceaccount, 'service account');
  if (pod !== undefined) await check(access.get(coreV1.Pod, namespace, pod.name), pod, 'pod');
  if (secret !== undefined) await check(access.get(coreV1.Secret, namespace, secret.name), secret, 'secret');
  if (node !== undefined && pod === undefined) await check(access.get(coreV1.Node, '', node.name), node, 'node');
}

export function tokenUserOf(bound: BoundClaims, tokenId: string | undefined): UserInfo {
  const { namespace, serviceaccount, pod, node } = bound;
  const extra: Record<string, readonly string[]> = {};
  if (tokenId !== undefined) extra['authentication.kubernetes.io/credential-id'] = [`JTI=${tokenId}`];
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  return {
    username: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  };
}
