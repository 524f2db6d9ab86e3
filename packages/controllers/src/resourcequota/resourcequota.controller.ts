/** Keeps `status.used` of quotas. Source: kubernetes pkg/controller/resourcequota/resource_quota_controller.go. */
import { apiextensionsV1, coreV1, type KindRef, type KubeObject, keyOf } from '@kapella/api';
import { jsonEqual } from '@kapella/base';
import type { Pod, ResourceQuota } from '@kapella/api/types/core-v1';
import {
  type Controller,
  type ControllerDeps,
  defineController,
  type KeyQueue,
  type WatchSource,
} from '@kapella/controller';
import { findKind } from '../workload/index.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { planQuota } from './plan-quota.ts';
import { countEvaluator, type Evaluator, evaluators, holdsResources } from './usage.ts';

const CONCURRENCY_MAX = 5;
/** Kinds that are counted by other means than an informer of whole objects. */
const METADATA = { metadataOnly: true } as const;

export function createResourceQuotaController(deps: ControllerDeps, tuning: Tuning = DEFAULT_TUNING): Controller {
  const { cache, client } = deps;
  const counted = new Map<string, Evaluator>();
  let queue: KeyQueue | undefined;
  const quotasIn = (namespace: string | undefined) => cache.list(coreV1.ResourceQuota, namespace).map(keyOf);

  /** The evaluator of `count/<resource>`; its informer begins when the first quota asks for it. */
  function counterOf(name: string): Evaluator | undefined {
    const known = counted.get(name);
    if (known !== undefined) return known;
    const kind = kindOf(name, deps);
    if (kind === undefined) return undefined;
    const evaluator = countEvaluator(kind);
    counted.set(name, evaluator);
    const wake = (object: KubeObject) => {
      for (const key of quotasIn(object.metadata.namespace)) queue?.add(key);
    };
    cache.informer(kind, METADATA).subscribe({ add: wake, delete: wake });
    return evaluator;
  }

  return defineController({
    name: 'resourcequota-controller',
    primary: coreV1.ResourceQuota,
    // Usage is written by admission, before the object that uses it is seen here: counting then would give it back.
    primaryChanged: (next, old) =>
      !jsonEqual(next.spec, old.spec) ||
      !jsonEqual(next.status?.hard, next.spec?.hard) ||
      next.status?.used === undefined,
    watches: evaluators
      .filter(({ kind }) => kind !== coreV1.ResourceQuota)
      .map((evaluator) => watchOf(evaluator, quotasIn)),
    reads: [apiextensionsV1.CustomResourceDefinition],
    resyncMs: tuning.resourceQuotaSyncPeriodMs,
    concurrencyMax: CONCURRENCY_MAX,
    async background(_ctx, own) {
      queue = own;
    },
    async reconcile(key, ctx) {
      const quota = cache.get(coreV1.ResourceQuota, key);
      if (quota === undefined) return {};
      const { namespace } = quota.metadata;
      const names = Object.keys(quota.spec?.hard ?? {});
      const groups = evaluators
        .filter((evaluator) => names.some(evaluator.counts))
        .map((evaluator) => ({ evaluator, objects: cache.list(evaluator.kind, namespace) as readonly KubeObject[] }));
      for (const name of names.filter(
        (one) => one.startsWith('count/') && !evaluators.some(({ counts }) => counts(one)),
      )) {
        const evaluator = counterOf(name);
        if (evaluator === undefined) continue;
        const informer = cache.informer(evaluator.kind, METADATA);
        await informer.synced(ctx);
        groups.push({ evaluator, objects: informer.list(namespace) as readonly KubeObject[] });
      }
      const status = planQuota({ quota, groups, nowMs: ctx.clock.nowMs() });
      if (status !== undefined)
        await client.patchStatus(coreV1.ResourceQuota, quota as ResourceQuota & KubeObject, status, ctx);
      return {};
    },
  });
}

/** Not every change counts: Pods only when they come, end or go. */
function watchOf({ kind }: Evaluator, quotasIn: (namespace: string | undefined) => string[]): WatchSource<KubeObject> {
  return {
    kind,
    keysOf(object, old, deleted) {
      const isUpdate = old !== undefined && !deleted;
      if (isUpdate && kind === coreV1.Pod) {
        const [before, after] = [holdsResources(old as Pod, 0), holdsResources(object as Pod, 0)];
        if (before === after && old.metadata.generation === object.metadata.generation) return [];
      } else if (isUpdate && kind !== coreV1.Service && kind !== coreV1.PersistentVolumeClaim) {
        return [];
      }
      return quotasIn(object.metadata.namespace);
    },
  };
}

/** `count/deployments.apps`: of the built-in groups, else of the custom ones. */
function kindOf(name: string, { cache }: ControllerDeps): KindRef<unknown> | undefined {
  const resource = name.slice('count/'.length);
  const dot = resource.indexOf('.');
  const [plural, group] = dot < 0 ? [resource, ''] : [resource.slice(0, dot), resource.slice(dot + 1)];
  const kind = findKind(cache, { group, plural });
  return kind?.namespaced === true ? kind : undefined;
}
