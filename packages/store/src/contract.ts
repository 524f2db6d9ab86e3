/** One store contract on bytes and revisions, as etcd defines them; every backend passes conformance.ts. */
import type { Ctx } from '@kapella/base';

/** One stored value. `value` is shared and must not be changed. */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  /** Revision of the last change: the object's resourceVersion. */
  readonly modRevision: number;
  /** Length of `value`, where that is not read until it is asked for. */
  readonly valueBytes?: number;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Of a put, the new value; of a delete, the last one. */
  readonly value: Uint8Array;
  readonly revision: number;
  readonly createRevision: number;
  /**
   * What the key held before, where it held anything: selectors need it to tell ADDED from MODIFIED from DELETED. Its value,
   * and that of a deletion, may be read when it is asked for: while the event is delivered.
   */
  readonly previous: KeyValue | undefined;
  /** What the writer gave along, in the same process only. */
  readonly attachment?: unknown;
}

export interface ListOptions {
  /** Read as of this revision; absent: the newest. A compacted one throws ApiError Expired. */
  readonly revision?: number;
  readonly limit?: number;
  /** Only keys greater than this one. */
  readonly startAfter?: string;
  /**
   * Values may be read from the store when they are first asked for: at the latest while the event is delivered that
   * supersedes them. Of a list of the newest revision only.
   */
  readonly lazy?: boolean;
}

export interface ListResult {
  readonly items: readonly KeyValue[];
  /** The revision at which the list is true. */
  readonly revision: number;
  readonly more: boolean;
  /** Keys beyond the limit. */
  readonly remaining: number;
}

export type CommitResult =
  /** `value`: what a read of the key gives now, where that is not what was written. */
  | { readonly ok: true; readonly revision: number; readonly value?: Uint8Array }
  /** The key does not stand at the expected revision; `current` is what it holds. */
  | { readonly ok: false; readonly current: KeyValue | undefined };

export interface Write {
  readonly key: string;
  /** 0: the key must not exist. Otherwise its modRevision must be this. */
  readonly expectedRevision: number;
  /** undefined deletes. */
  readonly value: Uint8Array | undefined;
  /** Handed to sinks of this process with the event, never stored: the decoded object, to save decoding it again. */
  readonly attachment?: unknown;
}

export interface WatchSink {
  /** Events of one commit or several, in revision order, each exactly once. Must not throw or block. */
  events(events: readonly StoreEvent[]): void;
  /** All up to `revision` has been delivered. */
  progress(revision: number): void;
  /** The watch is over: cancelled (undefined), compacted (ApiError Expired) or broken. */
  closed(error: Error | undefined): void;
}

/**
 * - A commit that resolved `ok` is durable (except in `memory`) and survives kill -9.
 * - Revisions are one strictly increasing sequence over all keys; a new store starts at revision 1 with no key.
 * - Writers that wait together are made durable by one fsync (group commit).
 * - An embedded backend delivers a commit's events to every sink before the commit resolves; others soon after.
 * - Keys start with `/registry/`.
 */
export interface Store {
  readonly backend: string;
  /** Nobody else writes: what sinks have seen when a commit resolved is the newest state. */
  readonly embedded: boolean;
  get(key: string, ctx: Ctx): Promise<KeyValue | undefined>;
  /** Keys with this prefix in byte order. */
  list(prefix: string, options: ListOptions, ctx: Ctx): Promise<ListResult>;
  commit(write: Write, ctx: Ctx): Promise<CommitResult>;
  /**
   * Delivers every change after `afterRevision` (0: only changes from now on) to keys with `prefix`, which is '' or
   * ends in `/`. What was missed is delivered before the call returns. Returns how to cancel. A sink that cannot be given
   * everything after its revision is closed with ApiError Expired: it lists again.
   */
  watch(prefix: string, afterRevision: number, sink: WatchSink): () => void;
  /** The newest revision of all writers, not only of this process. */
  currentRevision(ctx: Ctx): Promise<number>;
  /** Somebody waits for this revision: sinks are soon told of it, changed or not. Embedded stores have told them. */
  requestProgress(revision: number): void;
  /** Forgets revisions below `revision` but for the newest value of each key at it. */
  compact(revision: number, ctx: Ctx): Promise<void>;
  /** Whether the key's value lies there in another form than it would be written in today: an unchanged write then counts. */
  needsRewrite?(key: string, ctx: Ctx): Promise<boolean>;
  /** Waits for what is under way, then releases files and connections. Idempotent. */
  close(): Promise<void>;
}
