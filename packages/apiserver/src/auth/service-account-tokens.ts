/** Tokens of service accounts, as the server asks for them; who signs is the host's business. */
import { coreV1, type UnknownObject } from '@kapella/api';
import { type Ctx, parseTime } from '@kapella/base';
import type { ServerAccess, UserInfo } from '../resource.ts';
import type { TokenAuthenticator } from './contract.ts';
import { CREDENTIAL_ID } from './jwt/claims.ts';

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
  /** All that are trusted, the issuer among them. */
  readonly issuers: readonly string[];
  /** What the published keys sign with, sorted. */
  readonly algorithms: readonly string[];
  /** Longer tokens are shortened to this; undefined: as long as asked. */
  readonly expirationSecondsMax: number | undefined;
  issue(request: IssueRequest, ctx: Ctx): Promise<{ readonly token: string; readonly expirationTimestamp: string }>;
  /** The token that a Secret of type kubernetes.io/service-account-token holds: good while Secret and account are. */
  issueLegacy(serviceAccount: IssueRequest['serviceAccount'], secretName: string): Promise<string>;
  /** `access` tells whether what a token is bound to still exists. */
  authenticator(access: () => ServerAccess): TokenAuthenticator;
  /** The document at /openid/v1/jwks. */
  jwks(): object;
}

/** How far clocks may differ; what is being deleted is good for as long. */
export const LEEWAY_SECONDS = 60;
const INVALIDATED = 'service account token has been invalidated';
const EXTRA = 'authentication.kubernetes.io/';

interface Bound {
  readonly name: string;
  readonly uid?: string;
}

/** The claim `kubernetes.io`: whose token it is and what it lives and dies with. */
export interface BoundClaims {
  readonly namespace: string;
  readonly serviceaccount: Bound;
  readonly pod?: Bound;
  readonly node?: Bound;
  readonly secret?: Bound;
  /** Seconds since 1970 from which on the token is one that should have been renewed. */
  readonly warnafter?: number;
}

/** Rejects with Error in upstream's words when an object that the token is bound to is gone or another one has its name. */
export async function checkBoundObjects(bound: BoundClaims, access: ServerAccess, nowMs: number): Promise<void> {
  const { namespace, serviceaccount, pod, secret, node } = bound;
  const isDeleted = (object: UnknownObject) => {
    const deletedMs = parseTime(object.metadata.deletionTimestamp);
    return deletedMs !== undefined && deletedMs + LEEWAY_SECONDS * 1000 < nowMs;
  };
  const check = async (found: Promise<unknown>, wanted: Bound, what: string) => {
    const object = (await found) as UnknownObject | undefined;
    if (object === undefined) throw new Error(INVALIDATED);
    if (object.metadata.uid !== wanted.uid) {
      const claim = `service account ${what} ref claim (${wanted.uid})`;
      throw new Error(`${what} UID (${object.metadata.uid}) does not match ${claim}`);
    }
    if (isDeleted(object)) throw new Error(INVALIDATED);
  };
  const name = serviceaccount.name;
  const account = (await access.get(coreV1.ServiceAccount, namespace, name)) as UnknownObject | undefined;
  if (account === undefined) throw new Error(`serviceaccounts ${JSON.stringify(name)} not found`);
  if (account.metadata.uid !== serviceaccount.uid) {
    throw new Error(`service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`);
  }
  if (isDeleted(account)) throw new Error(`service account ${namespace}/${name} has been deleted`);
  if (secret !== undefined) await check(access.get(coreV1.Secret, namespace, secret.name), secret, 'secret');
  if (pod !== undefined) await check(access.get(coreV1.Pod, namespace, pod.name), pod, 'pod');
  else if (node !== undefined) await check(access.get(coreV1.Node, '', node.name), node, 'node');
}

export function tokenUserOf(bound: BoundClaims, tokenId: string | undefined): UserInfo {
  const { namespace, serviceaccount, pod, node } = bound;
  const extra: Record<string, readonly string[]> = {};
  if (tokenId !== undefined && tokenId !== '') extra[CREDENTIAL_ID] = [`JTI=${tokenId}`];
  if (pod !== undefined) {
    extra[`${EXTRA}pod-name`] = [pod.name];
    extra[`${EXTRA}pod-uid`] = [pod.uid ?? ''];
  }
  if (node !== undefined) {
    extra[`${EXTRA}node-name`] = [node.name];
    // The node of a Pod may have been gone when the token was made.
    if (node.uid) extra[`${EXTRA}node-uid`] = [node.uid];
  }
  return {
    username: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid ?? '',
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
