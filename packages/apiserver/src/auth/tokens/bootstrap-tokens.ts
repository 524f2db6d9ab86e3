/** Tokens that nodes join with. Source: kubernetes plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go. */
import {
  BOOTSTRAP_SECRET_PREFIX,
  BOOTSTRAP_TOKEN_TYPE,
  BOOTSTRAP_USER_PREFIX,
  type BootstrapToken,
  bootstrapExpiryMs,
  bootstrapGroups,
  bootstrapValue,
  coreV1,
  isBootstrapUsage,
  parseBootstrapToken,
} from '@kapella/api';
import type { Secret } from '@kapella/api/types/core-v1';
import type { ServerAccess } from '../../resource.ts';
import { sameText } from '../authenticate.ts';
import type { TokenAuthenticator } from '../contract.ts';

const NAMESPACE = 'kube-system';

/** A token whose Secret is missing, expired or for other uses is not known. */
export function createBootstrapTokens(access: () => ServerAccess): TokenAuthenticator {
  return {
    async authenticateToken(text, _audiences, ctx) {
      const token = parseBootstrapToken(text);
      if (token === undefined) return undefined;
      const secret = await access().get(coreV1.Secret, NAMESPACE, `${BOOTSTRAP_SECRET_PREFIX}${token.id}`);
      if (secret === undefined || !isGood(secret, token, ctx.clock.nowMs())) return undefined;
      const groups = bootstrapGroups(secret);
      if (groups === undefined) return undefined;
      return { user: { username: `${BOOTSTRAP_USER_PREFIX}${token.id}`, groups }, audiences: [] };
    },
  };
}

function isGood(secret: Secret, token: BootstrapToken, nowMs: number): boolean {
  return (
    secret.metadata.deletionTimestamp === undefined &&
    secret.type === BOOTSTRAP_TOKEN_TYPE &&
    sameText(bootstrapValue(secret, 'token-secret'), token.secret) &&
    bootstrapValue(secret, 'token-id') === token.id &&
    (bootstrapExpiryMs(secret) ?? Number.POSITIVE_INFINITY) > nowMs &&
    isBootstrapUsage(secret, 'authentication')
  );
}
