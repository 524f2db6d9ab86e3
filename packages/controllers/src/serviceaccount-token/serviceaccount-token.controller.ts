/**
 * Secrets of type kubernetes.io/service-account-token: filled, deleted with their account, and cleaned up when nobody
 * uses them. Source: kubernetes pkg/controller/serviceaccount/{tokens_controller,legacy_serviceaccount_token_cleaner}.go.
 */
import { ACCOUNT_TOKEN_TYPE, coreV1, dayStartMs, INVALID_SINCE, keyOf, TOKEN_TRACKING } from '@kapella/api';
import type { Secret, ServiceAccount } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason, sleep } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import type { Client } from '@kapella/client';
import type { ClusterFacts } from '../index.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { accountKeyOf, filledSecret, isFor, planCleaning, secretNamesOf, wantedOf } from './plan-token-secret.ts';

/** Other Secrets need not be held. */
const TOKEN_SECRETS = { fieldSelector: `type=${ACCOUNT_TOKEN_TYPE}` };
const BY_ACCOUNT = 'account';
const DAY_MS = 24 * 3600_000;

type TokenFacts = Pick<ClusterFacts, 'rootCa' | 'signAccountToken'>;

export function createAccountTokenController({ cache, client }: ControllerDeps, facts: TokenFacts): Controller {
  const secrets = cache.informer(coreV1.Secret, TOKEN_SECRETS);
  secrets.addIndex(BY_ACCOUNT, (secret) => [accountKeyOf(secret) ?? '']);
  /** By account: Secrets that have gone, to which it may still refer. */
  const gone = new Map<string, Set<string>>();
  return defineController({
    name: 'serviceaccount-token-controller',
    primary: coreV1.ServiceAccount,
    async background(ctx, queue) {
      await secrets.synced(ctx);
      const poke = (secret: Secret) => {
        const key = accountKeyOf(secret);
        if (key !== undefined) queue.add(key);
      };
      const stop = secrets.subscribe({
        add: poke,
        update: poke,
        delete(secret) {
          const key = accountKeyOf(secret) ?? '';
          gone.set(key, (gone.get(key) ?? new Set()).add(secret.metadata.name));
          poke(secret);
        },
      });
      await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve(), { once: true }));
      stop();
    },
    async reconcile(key, ctx) {
      if (!secrets.hasSynced) return {};
      const removed = gone.get(key);
      if (removed !== undefined) {
        await removeReferences(client, cache.get(coreV1.ServiceAccount, key), removed, ctx);
        gone.delete(key);
      }
      const tokens = secrets.byIndex(BY_ACCOUNT, key);
      if (tokens.length === 0) return {};
      const [namespace = '', name = ''] = key.split('/');
      // Made together, the account may be later in the cache than its Secret.
      const account =
        cache.get(coreV1.ServiceAccount, key) ?? (await client.get(coreV1.ServiceAccount, { namespace, name }, ctx));
      for (const secret of tokens) {
        if (account === undefined || !isFor(secret, account)) await remove(client, secret, ctx);
        else await fill(client, secret, account, facts, ctx);
      }
      return {};
    },
  });
}

async function remove(client: Client, secret: Secret, ctx: Ctx): Promise<void> {
  try {
    await client.delete(coreV1.Secret, secret, ctx, { uid: secret.metadata.uid });
  } catch (error) {
    // Gone already, or another one has its name.
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}

async function fill(
  client: Client,
  secret: Secret,
  account: ServiceAccount,
  { rootCa, signAccountToken }: TokenFacts,
  ctx: Ctx,
): Promise<void> {
  const wanted = wantedOf(secret, rootCa);
  if (wanted === undefined || signAccountToken === undefined) return;
  const token = wanted.needsToken ? await signAccountToken(account, secret.metadata.name) : undefined;
  try {
    await client.update(coreV1.Secret, filledSecret(secret, account, wanted, token), ctx);
  } catch (error) {
    // Written by someone else: its event brings the key again.
    if (!isReason(error, 'Conflict', 'NotFound')) throw error;
  }
}

async function removeReferences(
  client: Client,
  account: ServiceAccount | undefined,
  removed: ReadonlySet<string>,
  ctx: Ctx,
): Promise<void> {
  const isGone = ({ name = '' }: { readonly name?: string }) => removed.has(name);
  if (account?.secrets?.some(isGone) !== true) return;
  const now = await client.get(coreV1.ServiceAccount, account, ctx);
  if (now?.metadata.uid !== account.metadata.uid) return;
  const secrets = (now.secrets ?? []).filter((reference) => !isGone(reference));
  await client.update(coreV1.ServiceAccount, { ...now, secrets }, ctx);
}

/** Once a day: tokens that the cluster once made by itself, and that nobody has used for a year, are marked, then deleted. */
export function createLegacyTokenCleaner(
  { cache, client }: ControllerDeps,
  tuning: Tuning = DEFAULT_TUNING,
): Controller {
  const unusedMs = tuning.legacyServiceAccountTokenCleanUpPeriodMs;
  const secrets = cache.informer(coreV1.Secret, TOKEN_SECRETS);
  return defineController({
    name: 'legacy-serviceaccount-token-cleaner-controller',
    primary: coreV1.ServiceAccount,
    reads: [coreV1.Pod],
    async background(ctx) {
      await secrets.synced(ctx);
      for (;;) {
        try {
          await clean(ctx);
        } catch (error) {
          if (!ctx.signal.aborted) ctx.log.error('tokens not cleaned up', { cause: describeError(error) });
        }
        await sleep(DAY_MS, ctx);
      }
    },
    reconcile: async () => ({}),
  });

  async function clean(ctx: Ctx): Promise<void> {
    const candidates = secrets.list();
    if (candidates.length === 0) return;
    const nowMs = ctx.clock.nowMs();
    const name = { namespace: 'kube-system', name: TOKEN_TRACKING };
    const since = dayStartMs((await client.get(coreV1.ConfigMap, name, ctx))?.data?.['since']);
    // Uses are known from the end of that day on.
    if (since === undefined || nowMs < since + DAY_MS + unusedMs) return;
    const usedIn = new Map<string, Set<string>>();
    for (const secret of candidates) {
      const { namespace = '' } = secret.metadata;
      const used = usedIn.get(namespace) ?? usedNames(namespace);
      usedIn.set(namespace, used);
      const account = cache.get(coreV1.ServiceAccount, accountKeyOf(secret) ?? '');
      const plan = planCleaning(secret, { account, used, nowMs, unusedMs });
      if (plan !== 'keep') await apply(secret, plan, ctx);
    }
  }

  function usedNames(namespace: string): Set<string> {
    return new Set(cache.list(coreV1.Pod, namespace).flatMap((pod) => [...secretNamesOf(pod)]));
  }

  async function apply(secret: Secret, plan: 'delete' | { readonly invalidSince: string }, ctx: Ctx): Promise<void> {
    const { uid, resourceVersion = '' } = secret.metadata;
    try {
      if (plan === 'delete') await client.delete(coreV1.Secret, secret, ctx, { resourceVersion });
      else {
        const body = { metadata: { uid, labels: { [INVALID_SINCE]: plan.invalidSince } } };
        await client.patch(coreV1.Secret, secret, { type: 'merge', body }, ctx);
      }
      ctx.log.info('unused token cleaned up', { secret: keyOf(secret), plan });
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}
