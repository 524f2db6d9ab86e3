/** Tokens of service accounts, as the server asks for them; who signs is the host's business. */
import type { Ctx } from '@kapella/base';
import type { ServerAccess } from '../resource.ts';
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
