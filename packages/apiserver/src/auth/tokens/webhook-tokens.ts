/** Tokens that a webhook knows. Source: apiserver/plugin/pkg/authenticator/token/webhook/webhook.go. */
import type { TokenReview } from '@kapella/api/types/authentication-v1';
import type { ReviewClient } from '../../outbound/review-client.ts';
import type { UserInfo } from '../../resource.ts';
import type { TokenAuthenticator } from '../contract.ts';

export type ReviewVersion = 'v1' | 'v1beta1';

/** `implicit`: audiences of this server, for webhooks that say nothing of audiences. */
export function createWebhookTokens(
  client: ReviewClient,
  version: ReviewVersion,
  implicit: readonly string[],
): TokenAuthenticator {
  return {
    async authenticateToken(token, asked, ctx) {
      const audiences = asked ?? implicit;
      const review = {
        ...{ kind: 'TokenReview', apiVersion: `authentication.k8s.io/${version}`, metadata: {} },
        spec: { token, ...(audiences.length > 0 && { audiences }) },
        status: { user: {} },
      };
      const { status = {} } = await client.review<TokenReview>(review, ctx);
      const given = status.audiences?.length ? status.audiences : implicit;
      const shared = audiences.filter((audience) => given.includes(audience));
      if (audiences.length > 0 && shared.length === 0) return undefined;
      if (status.authenticated !== true) {
        if (status.error) throw new Error(status.error);
        return undefined;
      }
      return { user: userOf(status.user ?? {}), audiences: shared };
    },
  };
}

function userOf({
  username = '',
  uid,
  groups = [],
  extra,
}: NonNullable<NonNullable<TokenReview['status']>['user']>): UserInfo {
  return { username, ...(uid && { uid }), groups, ...(extra && { extra }) };
}
