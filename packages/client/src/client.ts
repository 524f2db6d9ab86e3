/** The typed client's contract: what controllers, the scheduler and the node agent call. */
import type { KindRef, KubeList, NewObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { Transport } from './transport.ts';

export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

/** An object or its name. */
export type Named = ObjectName | { readonly metadata: ObjectName };

export interface ReadOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly limit?: number;
}

export interface ListOptions extends ReadOptions {
  /** Only metadata: the server need not send, nor the client decode, the rest. */
  readonly metadataOnly?: boolean;
}

export interface WriteOptions {
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
  /** Server-side apply only. */
  readonly force?: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface WatchOptions extends ReadOptions {
  /** Events without a change, so that a later watch need not start far back. */
  readonly allowBookmarks?: boolean;
  readonly timeoutSeconds?: number;
  /** Only metadata: the server need not send, nor the client decode, the rest. */
  readonly metadataOnly?: boolean;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface RawRequest {
  /** Without the leading `?`. */
  readonly query?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export type PatchBody =
  | { readonly type: 'json'; readonly body: readonly object[] }
  | { readonly type: 'merge'; readonly body: object }
  | { readonly type: 'strategic'; readonly body: object }
  | { readonly type: 'apply'; readonly body: object };

/** Reads answer undefined for not-found; writes throw ApiError (NotFound, Conflict, AlreadyExists, Invalid, ...). */
export interface Client {
  readonly transport: Transport;
  get<T>(kind: KindRef<T>, name: Named, ctx: Ctx): Promise<T | undefined>;
  /**
   * All pages, unless `limit` asks for pages of another size than 500; items carry kind and apiVersion. `keep` is what of an
   * item is answered: the rest need not be held until the last page is there.
   */
  list<T>(kind: KindRef<T>, options: ListOptions, ctx: Ctx, keep?: (item: T) => T): Promise<KubeList<T>>;
  create<T>(kind: KindRef<T>, object: NewObject<T>, ctx: Ctx, options?: WriteOptions): Promise<T>;
  /** Sends metadata.resourceVersion as read: Conflict when someone else wrote in between. */
  update<T>(kind: KindRef<T>, object: T, ctx: Ctx, options?: WriteOptions): Promise<T>;
  patch<T>(kind: KindRef<T>, name: Named, patch: PatchBody, ctx: Ctx, options?: WriteOptions): Promise<T>;
  /** Writes `status` as a whole by update of the subresource; no request when it equals the object's present one. */
  patchStatus<T extends { readonly status?: unknown }>(
    kind: KindRef<T>,
    object: T,
    status: NonNullable<T['status']>,
    ctx: Ctx,
  ): Promise<T>;
  delete(kind: KindRef<unknown>, name: Named, ctx: Ctx, options?: DeleteOptions): Promise<void>;
  deleteCollection(kind: KindRef<unknown>, options: ReadOptions & DeleteOptions, ctx: Ctx): Promise<void>;
  /**
   * Calls `onEvent` in order until the server ends the watch, then resolves. Throws ApiError when the server says so
   * (Expired: list again), and when ctx aborts.
   */
  watch<T>(kind: KindRef<T>, options: WatchOptions, onEvent: (event: WatchEvent<T>) => void, ctx: Ctx): Promise<void>;
  /** Any other path: discovery, health, subresources by GET. Throws ApiError; answers the decoded body. */
  request<R>(method: string, path: string, request: RawRequest, ctx: Ctx): Promise<R>;
  /** POST to a subresource such as `pods/web/binding`, `pods/web/eviction`, `serviceaccounts/x/token`. */
  createSubresource<R>(kind: KindRef<unknown>, name: Named, subresource: string, body: object, ctx: Ctx): Promise<R>;
}

/** One kind's objects as of now, kept by list and watch. Objects are shared: read only. */
export interface Lister<T> {
  get(key: string): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects whose controlling or plain ownerReferences name this uid. O(answer). */
  ownedBy(uid: string): readonly T[];
  /** Objects that an index added under this name files under `value`. O(answer). */
  byIndex(index: string, value: string): readonly T[];
}

export interface InformerHandler<T> {
  add?(object: T): void;
  update?(object: T, old: T): void;
  delete?(object: T): void;
}

/** One list-and-watch, decoded once, shared by all who ask for the kind in this process. */
export interface Informer<T> extends Lister<T> {
  /** Existing objects are replayed as `add`. Returns how to unsubscribe. Handlers must be quick and not throw. */
  subscribe(handler: InformerHandler<T>): () => void;
  /** Resolves when the first list has been delivered. */
  synced(ctx: Ctx): Promise<void>;
  readonly hasSynced: boolean;
  /** Files every object under each of `valuesOf(object)`; the same name twice is the same index. */
  addIndex(index: string, valuesOf: (object: T) => readonly string[]): void;
}

export interface InformerOptions {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Objects hold kind, apiVersion and metadata only. */
  readonly metadataOnly?: boolean;
}

/** The informers of one process over one client. */
export interface Cache {
  /** The same informer for the same kind and options; started at once when the cache already runs. */
  informer<T>(kind: KindRef<T>, options?: InformerOptions): Informer<T>;
  /** Whether someone asked for this informer already. */
  has(kind: KindRef<unknown>, options?: InformerOptions): boolean;
  /** Stops and forgets an informer, e.g. of a custom resource that is gone. */
  drop(kind: KindRef<unknown>, options?: InformerOptions): void;
  /** This and the next two throw while the kind's first list is not there. */
  get<T>(kind: KindRef<T>, key: string): T | undefined;
  list<T>(kind: KindRef<T>, namespace?: string): readonly T[];
  ownedBy<T>(kind: KindRef<T>, uid: string): readonly T[];
  /** Resolves when every informer asked for so far has delivered its first list. */
  synced(ctx: Ctx): Promise<void>;
  /** Runs list-and-watch of each kind asked for, re-listing on 410, with jittered back-off on errors. */
  run(ctx: Ctx): Promise<void>;
}

export interface EventSubject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
}

/** Records `Event`s, aggregated and rate-limited as upstream's recorder does; never throws, never blocks. */
export interface EventRecorder {
  event(about: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string, options?: EventOptions): void;
}

export interface EventOptions {
  readonly fieldPath?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What was being done. This and what follows is told by recorders of events.k8s.io/v1 alone. */
  readonly action?: string;
  readonly related?: EventSubject;
  /** Instead of the recorder's component. */
  readonly reporter?: string;
}
