/** What every verb works with: the parts of the server, and what one write is about. */
import type { BuiltInTypeFacts, UnknownObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { CachedObject, Store } from '@kapella/store';
import type { AdmissionChain } from '../admission-chain.ts';
import type { AdmissionRequest, EquivalentKind } from '../admission.ts';
import type { Codecs } from '../codec/codecs.ts';
import type { FieldManagement } from '../codec/field-management.ts';
import type { Compaction } from './compaction.ts';
import type { Registry } from '../registry/registry.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { Turns } from './turns.ts';
import type { WatchMetrics } from '../metrics/watch-metrics.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import type { ServerAccess, StrategyContext, UserInfo } from '../resource.ts';

export interface Core {
  readonly store: Store;
  /** The store's cache stands at the newest revision as soon as a write is acknowledged. */
  readonly embedded: boolean;
  readonly registry: Registry;
  readonly facts: BuiltInTypeFacts;
  readonly codecs: Codecs;
  readonly fields: FieldManagement;
  readonly admission: AdmissionChain;
  readonly compaction: Compaction;
  /** Of lists of many objects. */
  readonly turns: Turns;
  /** Watches without a time of their own last at least so many milliseconds. */
  readonly watchMsMin: number;
  readonly metrics: MetricsRegistry;
  readonly watchMetrics: WatchMetrics;
  /** Set once, right after construction: it needs the core itself. */
  access: ServerAccess;
}

/** One write, whoever asked for it: a client or the server itself. */
export interface WriteScope {
  readonly core: Core;
  readonly type: ResourceType;
  readonly user: UserInfo;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly dryRun: boolean;
  readonly manager: string;
  /** The server's own writes skip admission. */
  readonly admission: boolean;
  readonly nowMs: number;
  /** The server's own update of any part, status and the like included. */
  readonly whole?: boolean;
  warn(message: string): void;
  /** For the audit log. */
  annotate?(key: string, value: string, level?: 'Request'): void;
}

/** What a verb answers with. `created` decides between 200 and 201. */
export interface Written {
  readonly object: CachedObject;
  readonly created: boolean;
}

export function strategyContext(scope: WriteScope, operation: string): StrategyContext {
  const { user, namespace, nowMs, subresource, dryRun } = scope;
  return { user, namespace, nowMs, operation, subresource, dryRun };
}

export function admissionRequest(
  scope: WriteScope,
  operation: AdmissionRequest['operation'],
  object: UnknownObject | undefined,
  oldObject: UnknownObject | undefined,
  options?: object,
): AdmissionRequest {
  const { type } = scope;
  return {
    operation,
    resource: type.asked.resource,
    kind: type.asked.kind,
    subresource: scope.subresource,
    namespace: scope.namespace,
    name: scope.name === '' ? (object?.metadata.name ?? '') : scope.name,
    user: scope.user,
    object,
    oldObject,
    dryRun: scope.dryRun,
    warn: scope.warn,
    ...(scope.annotate === undefined ? {} : { annotate: scope.annotate }),
    options: options === undefined ? OPTIONS[operation] : { ...OPTIONS[operation], ...options },
    equivalents: equivalentsOf(scope.core, type),
    overlay: (given, applied) => scope.core.fields.overlay(type, given, applied),
  };
}

const OPTIONS = {
  CREATE: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  UPDATE: { kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1' },
  DELETE: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
  CONNECT: { kind: 'ConnectOptions', apiVersion: 'meta.k8s.io/v1' },
} as const;
const NO_EQUIVALENTS: readonly EquivalentKind[] = [];

/** The other served versions of one stored kind. */
function equivalentsOf({ registry }: Core, type: ResourceType): readonly EquivalentKind[] {
  const { storage } = type;
  if (storage === undefined) return NO_EQUIVALENTS;
  const others = registry.versionsOf(storage);
  if (others.length < 2) return NO_EQUIVALENTS;
  return others
    .filter((other) => other !== type)
    .map((other) => {
      const { group, version, kind, plural, namespaced } = other;
      return {
        resource: { group, version, resource: plural },
        kind: { group, version, kind, plural, namespaced },
        convert: (object, ctx) => converted(object, type, other, ctx),
        restore: (object, ctx) => converted(object, other, type, ctx),
      };
    });
}

async function converted(
  object: UnknownObject,
  from: ResourceType,
  to: ResourceType,
  ctx: Ctx,
): Promise<UnknownObject> {
  const { conversion } = to.definition;
  if (conversion === undefined) return to.fromStorage(from.toStorage(object));
  const [made] = await conversion.convert([object], to.apiVersion, ctx);
  return made as UnknownObject;
}

export function resourceName(type: ResourceType, name: string): { group: string; resource: string; name: string } {
  return { group: type.group, resource: type.plural, name };
}

export function keyIn(type: ResourceType, namespace: string, name: string): string {
  return type.namespaced ? `${namespace}/${name}` : name;
}

/** Waits until the cache has seen everything that was acknowledged before this call. */
export async function makeConsistent(core: Core, type: ResourceType, ctx: Ctx): Promise<void> {
  if (type.storage === undefined) return;
  const { cache, converts } = type.storage;
  if (converts)
    await cache.fill(); // with the reason why it cannot be filled
  else if (core.embedded) {
    if (cache.revision === 0) await cache.ready(ctx);
    return;
  }
  await cache.waitFor(await core.store.currentRevision(ctx), ctx);
}
