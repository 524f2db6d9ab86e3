/** Empties a namespace that is deleted, then lets it go. Source: kubernetes pkg/controller/namespace; order: KEP 5080. */
import { coreV1 } from '@kapella/api';
import type { Namespace } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import type { Client } from '@kapella/client';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { deleteContent } from './delete-content.ts';
import { withDeletionConditions } from './namespace-conditions.ts';

const FINALIZER = 'kubernetes';
const RETRY_MAX_MS = 60_000;
const RECHECK_MIN_MS = 250;
const CONFLICTS_MAX = 5;

export interface NamespaceControllerOptions {
  /**
   * So long after its deletion is seen, nothing is created in a namespace any more by requests that began before. Several
   * API servers over one store need longer: upstream waits 5 s.
   */
  readonly settleMs?: number;
  readonly tuning?: Tuning;
}

/** When to look at a namespace again, whatever events come. */
interface Progress {
  notBeforeMs: number;
  attempts: number;
}

export function createNamespaceController(
  { cache, client }: ControllerDeps,
  options: NamespaceControllerOptions = {},
): Controller {
  const { settleMs = 500, tuning = DEFAULT_TUNING } = options;
  const progress = new Map<string, Progress>();
  return defineController({
    name: 'namespace-controller',
    primary: coreV1.Namespace,
    concurrencyMax: 10,
    resyncMs: tuning.namespaceSyncPeriodMs,
    retryMaxMs: RETRY_MAX_MS,
    watches: [
      {
        // The last Pod that goes is what all else waits for.
        kind: coreV1.Pod,
        keysOf({ metadata: { namespace = '' } }, _old, deleted) {
          const known = deleted ? progress.get(namespace) : undefined;
          if (known === undefined || known.attempts === 0 || cache.list(coreV1.Pod, namespace).length > 0) return [];
          known.notBeforeMs = 0;
          return [namespace];
        },
      },
    ],
    async reconcile(name, ctx) {
      const cached = cache.get(coreV1.Namespace, name);
      if (cached === undefined || cached.metadata.deletionTimestamp === undefined) {
        progress.delete(name);
        return {};
      }
      const nowMs = ctx.clock.monotonicMs();
      let known = progress.get(name);
      if (known === undefined) {
        known = { notBeforeMs: nowMs + settleMs, attempts: 0 };
        progress.set(name, known);
      }
      if (nowMs < known.notBeforeMs) return { requeueAfterMs: known.notBeforeMs - nowMs };
      known.attempts++;
      const estimateSeconds = await deleteNamespace(client, name, ctx);
      if (estimateSeconds === 0) return {};
      // Most is gone much sooner than its grace period allows.
      const soonMs = RECHECK_MIN_MS * 2 ** Math.min(known.attempts - 1, 20);
      const requeueAfterMs = Math.min(soonMs, (Math.floor(estimateSeconds / 2) + 1) * 1000);
      known.notBeforeMs = ctx.clock.monotonicMs() + requeueAfterMs;
      return { requeueAfterMs };
    },
  });
}

/** Seconds until what remains may be gone; 0 when there is nothing left to do. */
async function deleteNamespace(client: Client, name: string, ctx: Ctx): Promise<number> {
  // The cache may be behind, and what follows cannot be undone.
  const namespace = await client.get(coreV1.Namespace, { name }, ctx);
  if (namespace === undefined || namespace.metadata.deletionTimestamp === undefined) return 0;
  const begun = { ...namespace.status, phase: 'Terminating' as const };
  const terminating = await client.patchStatus(coreV1.Namespace, namespace, begun, ctx);
  if ((terminating.spec?.finalizers ?? []).length === 0) return 0;
  const { report, estimateSeconds } = await deleteContent(client, terminating, ctx);
  const status = withDeletionConditions(terminating.status ?? {}, report, ctx.clock.nowMs());
  await writeConditions(client, terminating, status, ctx);
  const causes = [
    ...(report.discoveryFailure === undefined ? [] : [report.discoveryFailure]),
    ...report.contentErrors.map(describeError),
  ];
  if (causes.length > 0) throw new Error(causes.join(', '));
  if (estimateSeconds > 0) return estimateSeconds;
  await finalize(client, terminating, ctx);
  return 0;
}

/** A status that cannot be written must not hold the deletion up. */
async function writeConditions(
  client: Client,
  namespace: Namespace,
  status: NonNullable<Namespace['status']>,
  ctx: Ctx,
): Promise<void> {
  try {
    await client.patchStatus(coreV1.Namespace, namespace, status, ctx);
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    ctx.log.debug('namespace conditions not written', {
      namespace: namespace.metadata.name,
      cause: describeError(error),
    });
  }
}

async function finalize(client: Client, { metadata: { name, uid } }: Namespace, ctx: Ctx): Promise<void> {
  for (let attempt = 1; attempt <= CONFLICTS_MAX; attempt++) {
    const latest = await client.get(coreV1.Namespace, { name }, ctx);
    if (latest === undefined || latest.metadata.uid !== uid || (await tryFinalize(client, latest, ctx))) return;
  }
  throw new Error('the namespace changes too quickly to take its finalizer off');
}

/** False after a conflict. */
async function tryFinalize(client: Client, latest: Namespace, ctx: Ctx): Promise<boolean> {
  const finalizers = (latest.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  try {
    await client.update(coreV1.Namespace, { ...latest, spec: { ...latest.spec, finalizers } }, ctx, {
      subresource: 'finalize',
    });
  } catch (error) {
    if (isReason(error, 'Conflict')) return false;
    if (!isReason(error, 'NotFound')) throw error;
  }
  ctx.log.info('namespace emptied', { namespace: latest.metadata.name });
  return true;
}
