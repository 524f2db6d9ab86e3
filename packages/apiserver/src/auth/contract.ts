/** Who asks, and whether they may. Source: apiserver/pkg/authentication, pkg/authorization/authorizer. */
import type { Ctx } from '@kapella/base';
import type { ApiRequest } from '@kapella/client';
import type { UserInfo } from '../resource.ts';
import type { Selector } from './selectors.ts';

/** The subject of a client certificate that the driver has checked against the cluster's CA. */
export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** The CA of authenticating proxies signed it: it may name others in headers. */
  readonly isProxy?: boolean;
  /** False: the CA of users did not sign it, so that it is nobody by itself. */
  readonly isUser?: boolean;
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
  authenticate(request: ServerRequest, ctx: Ctx, notes?: AuthenticationNotes): Known<UserInfo>;
}

/** Checks one kind of bearer token. undefined: not one of this kind. Throws Unauthorized. */
export interface TokenAuthenticator {
  authenticateToken(
    token: string,
    audiences: readonly string[] | undefined,
    ctx: Ctx,
    notes?: AuthenticationNotes,
  ): Known<TokenUser>;
}

/** What is to be told of credentials, good or bad, besides whose they are. */
export interface AuthenticationNotes {
  /** For the client. */
  readonly warnings: string[];
  /** For the audit log. */
  annotations: Record<string, string> | undefined;
}

/** No promise where the answer is known at once: every request asks. */
export type Known<T> = T | undefined | Promise<T | undefined>;

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
  /** Of list, watch and deletecollection. */
  readonly fieldSelector?: Selector | undefined;
  readonly labelSelector?: Selector | undefined;
}

export interface Decision {
  readonly decision: 'allow' | 'deny' | 'none';
  readonly reason: string;
  /** An authorizer that could not decide. */
  readonly error?: string;
}

export interface Authorizer {
  /** At once where everything it needs is in memory; who has to ask others answers later. Never rejects. */
  authorize(attributes: Attributes, ctx: Ctx): Decision | Promise<Decision>;
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
  /** Why it is. */
  readonly error?: string;
}

export const NO_OPINION: Decision = Object.freeze({ decision: 'none', reason: '' });
export const ALLOWED: Decision = Object.freeze({ decision: 'allow', reason: '' });
