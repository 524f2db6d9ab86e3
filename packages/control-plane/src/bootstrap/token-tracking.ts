/** Says since when uses of tokens in Secrets are noted. Source: kubernetes pkg/controlplane/controller/legacytokentracking. */
import { coreV1, dayOf, dayStartMs, TOKEN_TRACKING } from '@kapella/api';
import { type Ctx, isReason } from '@kapella/base';
import type { Client } from '@kapella/client';

const NAME = { namespace: 'kube-system', name: TOKEN_TRACKING };

export async function ensureTokenTracking(client: Client, ctx: Ctx): Promise<void> {
  const found = await client.get(coreV1.ConfigMap, NAME, ctx);
  if (dayStartMs(found?.data?.['since']) !== undefined) return;
  const data = { ...found?.data, since: dayOf(ctx.clock.nowMs()) };
  try {
    if (found === undefined) await client.create(coreV1.ConfigMap, { metadata: NAME, data }, ctx);
    else await client.update(coreV1.ConfigMap, { ...found, data }, ctx);
  } catch (error) {
    // Another server of the cluster was quicker.
    if (!isReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error;
  }
}
