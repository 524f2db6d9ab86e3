/**
 * The end of a definition: its objects go first, and its Terminating condition says how that goes.
 * Source: apiextensions-apiserver pkg/controller/finalizer/crd_finalizer.go.
 */
import { apiextensionsV1, type KindRef, type UnknownObject } from '@kapella/api';
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import type { ApiServer, ResourceDefinition } from '@kapella/apiserver';
import { type Ctx, isReason } from '@kapella/base';
import type { WatchCache } from '@kapella/store';
import { hasCondition, withCondition } from './naming.ts';

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
const EMPTY_WITHIN_MS = 60_000;
/** Definitions that overlap what is built in: their objects are not theirs. */
const BUILT_IN: ReadonlySet<string> = new Set([
  'apiservices.apiregistration.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
]);

interface Outcome {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** `stored`: the resource of the storage version, where it is served. Rejects with why it is to be tried again. */
export async function cleanUp(
  server: ApiServer,
  definition: CustomResourceDefinition,
  stored: ResourceDefinition | undefined,
  ctx: Ctx,
): Promise<void> {
  const { name } = definition.metadata;
  let outcome: Outcome;
  if (BUILT_IN.has(name)) {
    const message = 'instances overlap with built-in resources in storage';
    outcome = { status: 'False', reason: 'OverlappingBuiltInResource', message };
  } else if (hasCondition(definition, 'Established') && stored !== undefined) {
    const message = 'CustomResource deletion is in progress';
    await report(server, name, { status: 'True', reason: 'InstanceDeletionInProgress', message }, ctx);
    outcome = await deleteInstances(server, name, stored, ctx);
  } else outcome = { status: 'False', reason: 'NeverEstablished', message: 'resource was never established' };
  await report(server, name, outcome, ctx, true);
}

function report(server: ApiServer, name: string, outcome: Outcome, ctx: Ctx, release = false): Promise<unknown> {
  const change = (old: CustomResourceDefinition): CustomResourceDefinition | undefined => {
    const before = old.status?.conditions ?? [];
    const conditions = withCondition(before, { type: 'Terminating', ...outcome }, ctx.clock.nowMs());
    if (conditions === before && !release) return undefined;
    const next = { ...old, status: { ...old.status, conditions } };
    if (!release) return next;
    const finalizers = (old.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
    return { ...next, metadata: { ...old.metadata, finalizers } };
  };
  return server.access.update(apiextensionsV1.CustomResourceDefinition, '', name, change, ctx);
}

/** Rejects after the condition says why. */
async function deleteInstances(
  server: ApiServer,
  name: string,
  { id, scope }: ResourceDefinition,
  ctx: Ctx,
): Promise<Outcome> {
  let step = { reason: 'InstanceDeletionFailed', message: 'could not list instances' };
  try {
    const kind: KindRef<UnknownObject> = { ...id, namespaced: scope === 'namespaced' };
    const instances = await server.access.list(kind);
    step = { reason: 'InstanceDeletionFailed', message: 'could not issue all deletes' };
    await Promise.all(instances.map(({ metadata }) => deleteOne(server, kind, metadata, ctx)));
    step = { reason: 'InstanceDeletionCheck', message: 'could not confirm zero CustomResources remaining' };
    const cache = server.registry.find(id.group, id.version, id.plural)?.storage?.cache;
    if (cache !== undefined) await emptied(cache, ctx);
  } catch (error) {
    const message = `${step.message}: ${(error as Error).message}`;
    await report(server, name, { status: 'True', reason: step.reason, message }, ctx);
    throw error;
  }
  return { status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' };
}

async function deleteOne(
  server: ApiServer,
  kind: KindRef<UnknownObject>,
  { namespace = '', name }: UnknownObject['metadata'],
  ctx: Ctx,
): Promise<void> {
  try {
    await server.access.delete(kind, namespace, name, {}, ctx);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** Resolves when the cache holds nothing, or ends: finalizers may take their time, up to a minute. */
function emptied(cache: WatchCache, ctx: Ctx): Promise<void> {
  if (cache.size === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    let cancel = () => {};
    const timer = ctx.clock.setTimer(EMPTY_WITHIN_MS, () => {
      reject(new Error('context deadline exceeded'));
      cancel();
    });
    const done = () => {
      timer.cancel();
      resolve();
    };
    const events = () => {
      if (cache.size > 0) return;
      done();
      cancel();
    };
    cancel = cache.watch({ after: 'now' }, { events, initialEnd: () => {}, closed: done });
  });
}
