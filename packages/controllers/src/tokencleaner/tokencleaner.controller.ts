/** Bootstrap tokens whose time is over are deleted. Source: kubernetes pkg/controller/bootstrap/tokencleaner.go. */
import { BOOTSTRAP_TOKEN_TYPE, bootstrapExpiryMs, coreV1, keyOf } from '@kapella/api';
import type { Secret } from '@kapella/api/types/core-v1';
import { isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

const SYSTEM = 'kube-system';
/** Other Secrets need not be held. */
const TOKEN_SECRETS = { fieldSelector: `type=${BOOTSTRAP_TOKEN_TYPE},metadata.namespace=${SYSTEM}` };

export function createTokenCleaner({ cache, client }: ControllerDeps): Controller {
  const secrets = cache.informer(coreV1.Secret, TOKEN_SECRETS);
  return defineController({
    name: 'token-cleaner-controller',
    primary: coreV1.Namespace,
    async background(ctx, queue) {
      await secrets.synced(ctx);
      const poke = (secret: Secret) => queue.add(keyOf(secret));
      const stop = secrets.subscribe({ add: poke, update: poke });
      await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve(), { once: true }));
      stop();
    },
    async reconcile(key, ctx) {
      const secret = key.startsWith(`${SYSTEM}/`) && secrets.hasSynced ? secrets.get(key) : undefined;
      const dueMs = secret === undefined ? undefined : tokenExpiryMs(secret);
      if (secret === undefined || dueMs === undefined) return {};
      const leftMs = dueMs - ctx.clock.nowMs();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      try {
        await client.delete(coreV1.Secret, secret, ctx, { uid: secret.metadata.uid });
      } catch (error) {
        // Gone already, or another one has its name.
        if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return {};
    },
  });
}

/** Pure: when the token's Secret may go; undefined for other Secrets and for tokens without an end. */
export function tokenExpiryMs(secret: Secret): number | undefined {
  if (secret.type !== BOOTSTRAP_TOKEN_TYPE || secret.metadata.namespace !== SYSTEM) return undefined;
  return bootstrapExpiryMs(secret);
}
