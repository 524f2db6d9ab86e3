/** Deletes all that is in a namespace, Pods before all else. Source: …/namespace/deletion/namespaced_resources_deleter.go. */
import { coreV1, type KindRef, type KubeObject } from '@kapella/api';
import type { Namespace } from '@kapella/api/types/core-v1';
import { type Ctx, isReason, parseTime } from '@kapella/base';
import type { Client } from '@kapella/client';
import { isTerminal } from '../workload/index.ts';
import { type DiscoveredKind, type Discovery, discover } from '../garbagecollector/discovery.ts';
import type { DeletionReport } from './namespace-conditions.ts';

/** Assumed time for finalizers to be worked off. */
const FINALIZER_SECONDS = 15;
const KINDS_AT_ONCE = 8;

export interface ContentResult {
  readonly report: DeletionReport;
  /** Seconds until what remains is probably gone; 0 when nothing remains or nothing can be said. */
  readonly estimateSeconds: number;
}

interface KindResult {
  readonly kind: KindRef;
  readonly estimateSeconds: number;
  readonly objects: readonly KubeObject[];
  readonly error?: unknown;
}

/** Never throws but for an abort: what fails is in the report. */
export async function deleteContent(client: Client, namespace: Namespace, ctx: Ctx): Promise<ContentResult> {
  const { kinds, discoveryFailure } = await deletableKinds(client, ctx);
  const isPods = (kind: KindRef) => kind.group === '' && kind.plural === 'pods';
  const results: KindResult[] = [];
  for (const kind of kinds.filter(isPods)) results.push(await deleteKind(client, kind, namespace, ctx));
  // Pods may need the Secrets, ConfigMaps and policies of their namespace until their end.
  const hasPods = results.some((result) => result.objects.length > 0);
  const others = hasPods ? [] : kinds.filter((kind) => !isPods(kind));
  for (let i = 0; i < others.length; i += KINDS_AT_ONCE) {
    const batch = others.slice(i, i + KINDS_AT_ONCE);
    results.push(...(await Promise.all(batch.map((kind) => deleteKind(client, kind, namespace, ctx)))));
  }
  ctx.signal.throwIfAborted();
  return {
    report: { ...summarise(results), discoveryFailure },
    estimateSeconds: Math.max(0, ...results.map((r) => r.estimateSeconds)),
  };
}

async function deletableKinds(client: Client, ctx: Ctx) {
  let found: Discovery;
  try {
    found = await discover(client, ctx);
  } catch (error) {
    return { kinds: [], discoveryFailure: error instanceof Error ? error.message : String(error) };
  }
  const kinds = found.preferred.filter((kind) => kind.namespaced && kind.verbs.includes('delete'));
  if (found.failed.size === 0) return { kinds, discoveryFailure: undefined };
  const causes = [...found.failed]
    .map(([version, cause]) => `${version}: ${cause}`)
    .toSorted()
    .join(', ');
  const head = `Discovery failed for some groups, ${found.failed.size} failing`;
  return { kinds, discoveryFailure: `${head}: unable to retrieve the complete list of server APIs: ${causes}` };
}

async function deleteKind(client: Client, kind: DiscoveredKind, namespace: Namespace, ctx: Ctx): Promise<KindResult> {
  const { name } = namespace.metadata;
  let estimateSeconds = 0;
  try {
    estimateSeconds = await graceSeconds(client, kind, namespace, ctx);
    await deleteAll(client, kind, name, ctx);
    const objects = await listAll(client, kind, name, ctx);
    if (objects.length === 0) return { kind, estimateSeconds: 0, objects };
    if (estimateSeconds > 0) return { kind, estimateSeconds, objects };
    if (objects.some(({ metadata }) => (metadata.finalizers ?? []).length > 0)) {
      return { kind, estimateSeconds: FINALIZER_SECONDS, objects };
    }
    const text = `${kind.group}/${kind.version}, Resource=${kind.plural}`;
    return {
      kind,
      estimateSeconds,
      objects,
      error: new Error(`unexpected items still remain in namespace: ${name} for gvr: ${text}`),
    };
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    return { kind, estimateSeconds, objects: [], error };
  }
}

async function deleteAll(client: Client, kind: DiscoveredKind, namespace: string, ctx: Ctx): Promise<void> {
  const propagationPolicy = 'Background';
  if (kind.verbs.includes('deletecollection')) {
    try {
      await client.deleteCollection(kind, { namespace, propagationPolicy }, ctx);
      return;
    } catch (error) {
      if (!isReason(error, 'MethodNotAllowed', 'NotFound')) throw error;
    }
  }
  for (const object of await listAll(client, kind, namespace, ctx)) {
    await client.delete(kind, object, ctx, { propagationPolicy }).catch((error) => {
      if (!isReason(error, 'NotFound', 'MethodNotAllowed')) throw error;
    });
  }
}

async function listAll(
  client: Client,
  kind: DiscoveredKind,
  namespace: string,
  ctx: Ctx,
): Promise<readonly KubeObject[]> {
  if (!kind.verbs.includes('list')) return [];
  try {
    return (await client.list<KubeObject>(kind as KindRef<KubeObject>, { namespace, metadataOnly: true }, ctx)).items;
  } catch (error) {
    if (isReason(error, 'MethodNotAllowed', 'NotFound')) return [];
    throw error;
  }
}

/** The longest grace period of running Pods, 0 once it must be over. */
async function graceSeconds(client: Client, kind: DiscoveredKind, { metadata }: Namespace, ctx: Ctx): Promise<number> {
  if (kind.group !== '' || kind.plural !== 'pods') return 0;
  const { items } = await client.list(coreV1.Pod, { namespace: metadata.name }, ctx);
  const seconds = items.filter((pod) => !isTerminal(pod)).map((pod) => pod.spec.terminationGracePeriodSeconds ?? 0);
  const longest = Math.max(0, ...seconds);
  const goneForMs = ctx.clock.nowMs() - (parseTime(metadata.deletionTimestamp) ?? 0);
  return goneForMs >= longest * 1000 ? 0 : longest;
}

function summarise(results: readonly KindResult[]): DeletionReport {
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  for (const { kind, objects } of results) {
    if (objects.length > 0) remaining.set(`${kind.plural}.${kind.group}`, objects.length);
    for (const name of objects.flatMap(({ metadata }) => metadata.finalizers ?? [])) {
      finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
    }
  }
  return { contentErrors: results.filter((r) => r.error !== undefined).map((r) => r.error), remaining, finalizers };
}
