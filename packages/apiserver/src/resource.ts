/** A resource is a table: everything the generic server must know of one kind. It knows no kind itself. */
import type { MetricsRegistry } from './metrics/registry.ts';
import type { ApplyType, KindRef, KubeObject, UnknownObject } from '@kapella/api';
import type { Ctx, FieldErrors } from '@kapella/base';
import type { OutboundTls } from './outbound/http-caller.ts';

export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a strategy may know of the request it serves. */
export interface StrategyContext {
  readonly user: UserInfo;
  readonly namespace: string;
  readonly nowMs: number;
  /** 'create' | 'update' | … */
  readonly operation: string;
  readonly subresource: string;
  readonly dryRun: boolean;
}

export interface Column<T> {
  readonly name: string;
  /** OpenAPI type; default string. */
  readonly type?: 'string' | 'integer' | 'date' | 'number' | 'boolean';
  readonly format?: string;
  /** Only with -o wide (priority 1). */
  readonly wide?: boolean;
  /** Instead of `wide`: 0 is always shown. */
  readonly priority?: number;
  readonly description?: string;
  value(object: T, nowMs: number): string | number | bigint | boolean | undefined;
}

export interface ScaleSubresource {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** Path of a LabelSelector or of a plain label map; printed as a selector string. */
  readonly selector?: string;
}

export interface StatusSubresource<T> {
  /** Top-level fields that a write through the subresource changes; all else is taken from the stored object. */
  readonly writes: readonly (keyof T & string)[];
  /** After the fields not written were taken from the stored object, before validation. */
  readonly prepareForUpdate?: (next: T, old: T, context: StrategyContext) => T;
  readonly validateUpdate?: (next: T, old: T, errors: FieldErrors) => void;
}

/** What custom subresources (eviction, binding, token, …) and create-only kinds (SubjectAccessReview) are given. */
export interface ServerAccess {
  get<K>(kind: KindRef<K>, namespace: string, name: string): Promise<K | undefined>;
  list<K>(kind: KindRef<K>, namespace?: string): Promise<readonly K[]>;
  /** There are no objects of this kind at all; false where that is not known at once. */
  isEmpty(kind: KindRef<unknown>): boolean;
  /** What is known at once; undefined: nothing, though there may be one. */
  cached<K>(kind: KindRef<K>, namespace: string, name: string): K | undefined;
  /** Calls `seen` with every object that is there, at once, and then with every change. Ends with the server. */
  follow<K>(kind: KindRef<K>, seen: (change: Followed<K>) => void): void;
  /** A served kind by its name, custom ones included. */
  kindOf(group: string, version: string, kind: string): KindRef<UnknownObject> | undefined;
  create<K>(kind: KindRef<K>, object: K, ctx: Ctx): Promise<K>;
  /** Read, change, compare-and-swap, retried on conflict. `change` returns undefined for no write. Skips admission. */
  update<K>(kind: KindRef<K>, namespace: string, name: string, change: (old: K) => K | undefined, ctx: Ctx): Promise<K>;
  /**
   * As `update`, but past validation and without a trace in managedFields: what upstream writes straight to its store.
   * `change` must answer a valid object. Throws NotFound.
   */
  rewrite<K>(kind: KindRef<K>, namespace: string, name: string, change: (old: K) => K, ctx: Ctx): Promise<void>;
  delete(
    kind: KindRef<unknown>,
    namespace: string,
    name: string,
    options: object,
    ctx: Ctx,
  ): Promise<UnknownObject | undefined>;
  /** Services of the composition root by name (token issuer, authorizer, kubelet dialer). Unknown: throws. */
  service<S>(name: string): S;
  /** Where plugins count; undefined in tests that do not look. */
  readonly metrics?: MetricsRegistry;
}

export interface Followed<K> {
  readonly deleted: boolean;
  readonly namespace: string;
  readonly name: string;
  /** Of a deletion, the last state. Decoded on each call. */
  object(): K;
}

export interface SubresourceRequest<T> {
  readonly name: string;
  readonly namespace: string;
  /** The stored parent object, undefined where the parent does not exist. */
  readonly parent: T | undefined;
  /** Decoded body of POST/PUT, else undefined. */
  readonly body: UnknownObject | undefined;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly nowMs: number;
  readonly server: ServerAccess;
}

/** A subresource with a handler of its own, e.g. `pods/eviction`: answers the response object. */
export interface ActionSubresource<T> {
  /** Kind of the request body and the response, for decoding, discovery and OpenAPI. */
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly ('create' | 'get' | 'update' | 'patch')[];
  /** HTTP code of the answer; default 201 for create, else 200. */
  readonly status?: number;
  /** The handler is called even when the parent does not exist; default: 404. */
  readonly parentless?: boolean;
  /** The handler reads the parent by itself, and says so when it does not exist: it is not decoded twice. */
  readonly ignoresParent?: boolean;
  handle(request: SubresourceRequest<T>, ctx: Ctx): Promise<object>;
}

/** A stored part of the parent written on its own (ephemeralcontainers, resize, approval). */
export interface PartSubresource<T> {
  /** Takes from `next` what this subresource may change, the rest from `old`. Pure. */
  merge(next: T, old: T, context: StrategyContext): T;
  readonly validateUpdate?: (next: T, old: T, errors: FieldErrors) => void;
}

/** Where a streaming subresource (log, exec, attach, portforward, proxy) is served from. */
export interface ConnectTarget {
  readonly protocol: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** Use the API server's client certificate towards kubelets. */
  readonly kubeletAuth: boolean;
  /** What the client's path says before the target's: pages lead back through it. */
  readonly seenUnder?: string;
  /** How this server and the target know each other, where it is no kubelet. */
  readonly tls?: OutboundTls;
  /** Of an upgrade, instead of the client's: who asks is told in them. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ConnectSubresource<T> {
  readonly verbs: readonly ('get' | 'create' | 'proxy')[];
  /** What admission is shown: the options as an object of their own kind. Absent: admission is not asked (logs). */
  options?(query: URLSearchParams, restPath: string): UnknownObject;
  target(request: SubresourceRequest<T>, restPath: string, ctx: Ctx): Promise<ConnectTarget>;
}

/** What a write has taken; the object says so. */
export interface Allocation<T> {
  readonly object: T;
  /** The write failed: gives it back. */
  rollback(): Promise<void>;
  /** The write is done: what the old object held and the new one does not is given back. */
  done?(): Promise<void>;
}

export interface ResourceDefinition<T extends KubeObject = UnknownObject> {
  readonly id: {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
    readonly plural: string;
    readonly singular?: string;
    /** Default `<kind>List`. */
    readonly listKind?: string;
  };
  readonly names?: { readonly short?: readonly string[]; readonly categories?: readonly string[] };
  readonly scope: 'namespaced' | 'cluster';
  /** Default: create delete deletecollection get list patch update watch. */
  readonly verbs?: readonly string[];
  /** For a version that another version of the same kind stores: how to get there and back. Pure. */
  readonly storedAs?: {
    readonly version: string;
    readonly group?: string;
    toStorage(object: T): UnknownObject;
    fromStorage(object: UnknownObject): T;
  };
  /** Top-level fields dropped from a created object: written only through their subresource. */
  readonly clearedOnCreate?: readonly (keyof T & string)[];
  /** metadata.generation += 1 when any of these top-level fields changes; absent: the kind has no generation. */
  readonly generationBumpsOn?: readonly (keyof T & string)[];
  /** Instead of generationBumpsOn: metadata.generation += 1 when anything but metadata and these fields changes. */
  readonly generationIgnores?: readonly string[];
  /** As generationBumpsOn, for metadata.annotations (Deployment). */
  readonly generationBumpsOnAnnotations?: boolean;
  readonly subresources?: {
    readonly status?: StatusSubresource<T>;
    readonly scale?: ScaleSubresource;
    readonly parts?: Readonly<Record<string, PartSubresource<T>>>;
    readonly actions?: Readonly<Record<string, ActionSubresource<T>>>;
    readonly connects?: Readonly<Record<string, ConnectSubresource<T>>>;
  };
  /** Field selectors beyond metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  readonly columns: readonly Column<T>[];
  /** Pure; runs on every create, update and patch result, and must be idempotent. */
  readonly withDefaults?: (object: T) => T;
  /** After defaulting, before admission and validation. Pure but for the context. */
  readonly prepareForCreate?: (object: T, context: StrategyContext) => T;
  readonly prepareForUpdate?: (next: T, old: T, context: StrategyContext) => T;
  readonly validate?: (object: T, errors: FieldErrors) => void;
  /** Must include what `validate` checks, where that still applies. */
  readonly validateUpdate?: (next: T, old: T, errors: FieldErrors) => void;
  /** How metadata.name is validated; default DNS subdomain. */
  readonly nameRule?: 'dns-subdomain' | 'dns-label' | 'dns1035-label' | 'path-segment';
  readonly allowCreateOnUpdate?: boolean;
  readonly allowUnconditionalUpdate?: boolean;
  /** Pods: seconds of grace for a delete, 0 = at once. Absent: objects go at once (unless finalizers hold them). */
  readonly gracePeriodSeconds?: (object: T, requested: number | undefined) => number;
  /** Changes made to the object when it is marked for deletion (Pods: nothing; Namespace: phase Terminating). */
  readonly onMarkedForDeletion?: (object: T) => T;
  /** A delete without a wish for its dependents leaves them, and says so (Jobs, ReplicationControllers). */
  readonly orphansByDefault?: boolean;
  /** Namespace: kept while spec.finalizers is not empty. */
  readonly keepWhile?: (object: T) => boolean;
  /** Warnings for the client (Warning header), e.g. deprecated fields. */
  readonly warnings?: (object: T, old: T | undefined) => readonly string[];
  /** Hooks with side effects around the write (ClusterIP and NodePort allocation). Returns the object to write. */
  readonly allocate?: {
    onCreate(object: T, server: ServerAccess, context: StrategyContext, ctx: Ctx): Promise<Allocation<T>>;
    onUpdate(next: T, old: T, server: ServerAccess, context: StrategyContext, ctx: Ctx): Promise<Allocation<T>>;
    /** The object is gone. */
    onDelete(object: T, server: ServerAccess, ctx: Ctx): Promise<void>;
  };
  /** Objects that are never stored (reviews): answers the create. */
  readonly virtual?: (object: T, request: SubresourceRequest<T>, ctx: Ctx) => Promise<T>;
  /** Objects that are made when they are asked for, and never stored: answers GET (undefined: there is none) and LIST. */
  readonly computed?: {
    get(name: string, server: ServerAccess, ctx: Ctx): Promise<T | undefined>;
    list(server: ServerAccess, ctx: Ctx): Promise<readonly T[]>;
  };
  /** Seconds an object lives (events: 3600). */
  readonly ttlSeconds?: number;
  /** Custom resources: drops the fields that the schema does not know and tells their paths. Pure. */
  readonly prune?: (
    object: UnknownObject,
    keepsNulls?: boolean,
  ) => { readonly object: UnknownObject; readonly unknown: readonly string[] };
  /** Custom resources: their schema as OpenAPI shows it. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /**
   * Custom resources: brings what was stored before `upTo` (a revision), or in another version, to this version of today
   * when it is read. Pure; the object itself where nothing changes.
   */
  readonly onRead?: { readonly upTo: number; normalize(object: UnknownObject): UnknownObject };
  /**
   * Custom resources whose versions another program converts: this version has a storage of its own, which reads and
   * writes the kind's one store in this version. Not together with `storedAs`.
   */
  readonly conversion?: {
    readonly storageVersion: string;
    /** From any versions of the kind, to `apiVersion`; in order. Rejects with an Error that says why. */
    convert(objects: readonly UnknownObject[], apiVersion: string, ctx: Ctx): Promise<readonly UnknownObject[]>;
    /** As `applyType`, of any version; undefined: there is none of this name. */
    applyTypeOf(apiVersion: string): ApplyType | undefined;
  };
  /** By apiVersion: how what upstream stored in an older version is brought to this one. Pure. */
  readonly fromOlder?: Readonly<Record<string, (object: UnknownObject) => UnknownObject>>;
  /** Told to whoever uses this version of the kind (Warning header). */
  readonly deprecation?: string;
  /** Custom resources: the type that server-side apply works with, from `applyTypeOfStructuralSchema`. */
  readonly applyType?: ApplyType;
  /** Keep decoded objects in memory: for few, small objects that the server itself reads often (namespaces, roles). */
  readonly keepDecoded?: boolean;
  /** DELETE answers the deleted object instead of a Status (Pods, ServiceAccounts, claims, …), as upstream does per kind. */
  readonly returnsDeleted?: boolean;
}

/** Checks the table at compile time; returns it unchanged. */
export function defineResource<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition<T> {
  return definition;
}
