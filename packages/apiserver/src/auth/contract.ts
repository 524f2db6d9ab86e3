/** Who asks, and whether they may. Source: apiserver/pkg/authentication, pkg/authorization/authorizer. */
import type { Ctx } from '@kapella/base';
import type { ApiRequest } from '@kapella/client';
import type { UserInfo } from '../resource.ts';

/** The subject of a client certificate that the driver has checked against the cluster's CA. */
export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** A request with what the driver knows of its sender. */
export interface ServerRequest extends ApiRequest {
  /** Set by the in-memory transport: who calls is known, and what they may do is still asked. */
  readonly user?: UserInfo;
  readonly clientCertificate?: ClientCertificate;
  /** A certificate came that the cluster's CA did not sign: other credentials count, but it is not anonymous. */
  readonly hasBadCertificate?: boolean;
  readonly remoteAddress?: string;
}

export interface Authenticator {
  /** undefined: these credentials are not of this kind. Throws Unauthorized for wrong ones. */
  authenticate(request: ServerRequest, ctx: Ctx): Promise<UserInfo | undefined>;
}

/** Checks one kind of bearer token. undefined: not one of this kind. Throws Unauthorized. */
export interface TokenAuthenticator {
  authenticateToken(token: string, audiences: readonly string[] | undefined, ctx: Ctx): Promise<TokenUser | undefined>;
}

export interface TokenUser {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

export interface Attributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Of a request that is not for a resource. */
  readonly path: string;
  /** As the client wrote it; of list, watch and deletecollection. */
  readonly fieldSelector?: string | undefined;
}

export interface Decision {
  readonly decision: 'allow' | 'deny' | 'none';
  readonly reason: string;
}

export interface Authorizer {
  /** Synchronous: everything it needs is held in memory. */
  authorize(attributes: Attributes): Decision;
  /** What SelfSubjectRulesReview answers. */
  rulesFor?(user: UserInfo, namespace: string): RulesAnswer;
}

export interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface NonResourceRule {
  readonly verbs: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

export interface RulesAnswer {
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
  readonly incomplete: boolean;
}

export const NO_OPINION: Decision = Object.freeze({ decision: 'none', reason: '' });
export const ALLOWED: Decision = Object.freeze({ decision: 'allow', reason: '' });
