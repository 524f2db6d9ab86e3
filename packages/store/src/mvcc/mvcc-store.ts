/**
 * The embedded store: an in-memory index key -> revisions over a Persistence, as etcd's mvcc does it.
 * Writers that come while a batch is being made durable form the next batch: one fsync for all of them.
 */
import { ApiError, invariant } from '@kapella/base';
import type {
  CommitResult,
  KeyValue,
  ListOptions,
  ListResult,
  Store,
  StoreEvent,
  WatchSink,
  Write,
} from '../contract.ts';
import { LazyKeyValue } from './lazy-key-value.ts';
import type { ChangeRecord, Persistence, RecordHead } from './record.ts';
import { SortedMap } from './sorted-keys.ts';
import { WatchHub } from './watch-hub.ts';

/** Superseded revisions kept for watches and reads of the past before the store compacts by itself. */
const HISTORY_MAX = 20_000;
/** Revisions forgotten at once: others read and write in between. */
const FORGOTTEN_AT_ONCE = 500;

/** Revisions of one key, oldest first; negative: the revision deleted the key. */
interface KeyHistory {
  readonly revisions: number[];
  createRevision: number;
  /** Length of the newest value. */
  valueBytes: number;
}

interface Pending {
  readonly record: ChangeRecord;
  readonly event: StoreEvent;
  /** The key's history length before this write, for undoing it. */
  readonly undo: () => void;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: Error) => void;
}

export function createMvccStore(persistence: Persistence): Store {
  return new MvccStore(persistence);
}

class MvccStore implements Store {
  readonly backend: string;
  readonly embedded = true;
  readonly #persistence: Persistence;
  readonly #index = new SortedMap<KeyHistory>();
  /** Values not yet durable, by revision: a conflicting writer is shown them. */
  readonly #unwritten = new Map<number, ChangeRecord>();
  readonly #hub = new WatchHub();
  /** Revisions that a later one superseded, with that later one, in order. */
  #superseded: { readonly revision: number; readonly by: number; readonly key: string }[] = [];
  #next: Pending[] = [];
  /** Woken after each batch. */
  readonly #batchWaiters: (() => void)[] = [];
  #flushing: Promise<void> | undefined;
  #assigned: number;
  #durable: number;
  #compacted: number;
  #closed = false;

  constructor(persistence: Persistence) {
    this.#persistence = persistence;
    this.backend = persistence.backend;
    const meta = persistence.load((head) => this.#indexRecord(head));
    this.#assigned = Math.max(meta.revision, 1);
    this.#durable = this.#assigned;
    this.#compacted = meta.compacted;
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return this.#stateAt(key, this.#durable);
  }

  async list(prefix: string, options: ListOptions): Promise<ListResult> {
    const revision = options.revision ?? this.#durable;
    if (revision < this.#compacted) throw expired(revision, this.#compacted);
    invariant(revision <= this.#durable, `list at revision ${revision} of the future, now ${this.#durable}`);
    const items: KeyValue[] = [];
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    let remaining = 0;
    this.#index.scan(prefix, options.startAfter === undefined ? prefix : `${options.startAfter}\0`, (key, history) => {
      const at = revisionAt(history, revision);
      if (at === undefined || at < 0) return true;
      if (items.length < limit)
        items.push(options.lazy === true ? this.#lazy(key, history, at) : this.#keyValue(key, at));
      else remaining++;
      return true;
    });
    return { items, revision, more: remaining > 0, remaining };
  }

  commit(write: Write): Promise<CommitResult> {
    if (this.#closed) return Promise.reject(new ApiError('ServiceUnavailable', 'the store is closed'));
    const history = this.#index.get(write.key);
    const last = history?.revisions.at(-1);
    const currentRevision = last === undefined || last < 0 ? 0 : last;
    if (currentRevision !== write.expectedRevision) {
      // A write under way that this one lost against counts as the present only once it is durable.
      return this.#conflict(write.key);
    }
    if (write.value === undefined && currentRevision === 0) return Promise.resolve({ ok: false, current: undefined });
    return new Promise((resolve, reject) => {
      this.#next.push(this.#assign(write, history, currentRevision, resolve, reject));
      this.#flushing ??= this.#flush();
    });
  }

  watch(prefix: string, afterRevision: number, sink: WatchSink): () => void {
    if (afterRevision !== 0 && afterRevision < this.#compacted) {
      queueMicrotask(() => sink.closed(expired(afterRevision, this.#compacted)));
      return () => {};
    }
    const missed =
      afterRevision === 0 || afterRevision >= this.#durable ? [] : this.#eventsAfter(prefix, afterRevision);
    if (missed.length > 0) sink.events(missed);
    sink.progress(this.#durable);
    return this.#hub.add(prefix, sink);
  }

  async currentRevision(): Promise<number> {
    return this.#durable;
  }

  requestProgress(): void {}

  async compact(revision: number): Promise<void> {
    const target = Math.min(revision, this.#durable);
    if (target <= this.#compacted) return;
    this.#compacted = target;
    // What is still there when the server ends is superseded again when it is loaded.
    for (;;) {
      const later = this.#superseded.slice(0, FORGOTTEN_AT_ONCE).findIndex((entry) => entry.by > target);
      const gone = this.#superseded.splice(0, later < 0 ? FORGOTTEN_AT_ONCE : later);
      for (const { revision: old, key } of gone) this.#forget(old, key);
      const revisions = gone.map((entry) => entry.revision);
      await this.#persistence.remove(revisions, this.#compacted);
      if (gone.length < FORGOTTEN_AT_ONCE || this.#closed) return;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    this.#hub.closeAll(undefined);
    await this.#persistence.close();
  }

  /** Puts a loaded record into the index. */
  #indexRecord({ revision, key, createRevision, isDeletion, valueBytes }: RecordHead): void {
    const signed = isDeletion ? -revision : revision;
    const history = this.#index.get(key);
    if (history === undefined) {
      if (isDeletion) this.#superseded.push({ revision, by: revision, key });
      this.#index.add(key, { revisions: [signed], createRevision, valueBytes });
      return;
    }
    this.#supersede(key, history, revision, isDeletion);
    history.revisions.push(signed);
    history.createRevision = createRevision;
    history.valueBytes = valueBytes;
  }

  #supersede(key: string, history: KeyHistory, by: number, isDelete: boolean): void {
    const last = history.revisions.at(-1);
    if (last !== undefined && last > 0) this.#superseded.push({ revision: last, by, key });
    if (isDelete) this.#superseded.push({ revision: by, by, key });
  }

  #assign(
    write: Write,
    known: KeyHistory | undefined,
    currentRevision: number,
    resolve: Pending['resolve'],
    reject: Pending['reject'],
  ): Pending {
    const revision = ++this.#assigned;
    const history = known ?? { revisions: [], createRevision: revision, valueBytes: 0 };
    if (known === undefined) this.#index.set(write.key, history);
    const previous = currentRevision === 0 ? undefined : this.#lazy(write.key, history, currentRevision);
    const { createRevision: createBefore, valueBytes: bytesBefore } = history;
    const createRevision = currentRevision === 0 ? revision : createBefore;
    const record: ChangeRecord = { revision, key: write.key, createRevision, value: write.value };
    history.revisions.push(write.value === undefined ? -revision : revision);
    history.createRevision = createRevision;
    history.valueBytes = write.value?.length ?? 0;
    this.#unwritten.set(revision, record);
    return {
      record,
      event: eventOf(write, revision, createRevision, previous),
      undo: () => {
        history.revisions.pop();
        history.createRevision = createBefore;
        history.valueBytes = bytesBefore;
        if (history.revisions.length === 0) this.#index.delete(write.key);
      },
      resolve,
      reject,
    };
  }

  /** Makes batch after batch durable until none waits. */
  async #flush(): Promise<void> {
    // One turn of the microtask queue lets writers of the same moment share the batch.
    await Promise.resolve();
    while (this.#next.length > 0) {
      const batch = this.#next;
      this.#next = [];
      try {
        await this.#persistence.append(batch.map((pending) => pending.record));
      } catch (cause) {
        this.#fail(batch, cause);
        continue;
      }
      this.#publish(batch);
      for (const wake of this.#batchWaiters.splice(0)) wake();
    }
    for (const wake of this.#batchWaiters.splice(0)) wake();
    this.#flushing = undefined;
    if (this.#superseded.length > 2 * HISTORY_MAX) {
      const entry = this.#superseded[this.#superseded.length - HISTORY_MAX];
      if (entry !== undefined) await this.compact(entry.by);
    }
  }

  #publish(batch: readonly Pending[]): void {
    for (const { record } of batch) {
      const revisions = (this.#index.get(record.key) as KeyHistory).revisions;
      const at = revisions.lastIndexOf(record.value === undefined ? -record.revision : record.revision);
      const before = revisions[at - 1];
      const { revision, key } = record;
      if (before !== undefined && before > 0) this.#superseded.push({ revision: before, by: revision, key });
      if (record.value === undefined) this.#superseded.push({ revision, by: revision, key });
    }
    this.#durable = (batch.at(-1) as Pending).record.revision;
    this.#hub.publish(
      batch.map((pending) => pending.event),
      this.#durable,
    );
    for (const { record } of batch) this.#unwritten.delete(record.revision);
    for (const { resolve, record } of batch) resolve({ ok: true, revision: record.revision });
  }

  /** Undoes a batch that could not be written and everything that was built on it. */
  #fail(batch: readonly Pending[], cause: unknown): void {
    const all = [...batch, ...this.#next];
    this.#next = [];
    for (const pending of all.toReversed()) {
      this.#unwritten.delete(pending.record.revision);
      pending.undo();
    }
    const error = new ApiError(
      'InternalError',
      'the store could not make the write durable; free disk space and retry',
      {
        cause,
      },
    );
    for (const pending of all) pending.reject(error);
  }

  /** Answers once the write that won is durable: what the loser is shown must not be undone later. */
  async #conflict(key: string): Promise<CommitResult> {
    const winner = Math.abs(this.#index.get(key)?.revisions.at(-1) ?? 0);
    while (this.#unwritten.has(winner)) await new Promise<void>((resolve) => this.#batchWaiters.push(resolve));
    return { ok: false, current: this.#stateAt(key, this.#durable) };
  }

  #stateAt(key: string, revision: number): KeyValue | undefined {
    const history = this.#index.get(key);
    const at = history === undefined ? undefined : revisionAt(history, revision);
    return at === undefined || at < 0 ? undefined : this.#keyValue(key, at);
  }

  /** Of the key's newest value, else as it is. */
  #lazy(key: string, { revisions, createRevision, valueBytes }: KeyHistory, revision: number): KeyValue {
    if (revisions.at(-1) !== revision) return this.#keyValue(key, revision);
    return new LazyKeyValue(this.#read, key, createRevision, revision, valueBytes);
  }

  readonly #read = (key: string, revision: number): Uint8Array => this.#keyValue(key, revision).value;

  #keyValue(key: string, revision: number): KeyValue {
    const record = this.#unwritten.get(revision) ?? this.#persistence.read(revision);
    invariant(record?.value !== undefined, `revision ${revision} of ${key} is in the index but not in the store`);
    return { key, value: record.value, createRevision: record.createRevision, modRevision: revision };
  }

  /** Events a late watcher missed, oldest first. */
  #eventsAfter(prefix: string, afterRevision: number): StoreEvent[] {
    const events: StoreEvent[] = [];
    this.#index.scan(prefix, prefix, (key, history) => {
      for (let i = history.revisions.length - 1; i >= 0; i--) {
        const revision = Math.abs(history.revisions[i] as number);
        if (revision <= afterRevision) break;
        const event = revision > this.#durable ? undefined : this.#eventAt(key, history, i);
        if (event !== undefined) events.push(event);
      }
      return true;
    });
    return events.sort((a, b) => a.revision - b.revision);
  }

  #eventAt(key: string, { revisions }: KeyHistory, i: number): StoreEvent | undefined {
    const signed = revisions[i] as number;
    const revision = Math.abs(signed);
    const before = revisions[i - 1];
    const previous = before === undefined || before < 0 ? undefined : this.#keyValue(key, before);
    const record = this.#persistence.read(revision);
    const value = record?.value ?? previous?.value;
    if (record === undefined || value === undefined) return undefined;
    const type = signed < 0 ? 'delete' : 'put';
    return { type, key, value, revision, createRevision: record.createRevision, previous };
  }

  /** Takes a compacted revision out of its key's history; a key with nothing left goes. */
  #forget(revision: number, key: string): void {
    const history = this.#index.get(key);
    if (history === undefined) return;
    const at = history.revisions.findIndex((signed) => Math.abs(signed) === revision);
    if (at >= 0) history.revisions.splice(at, 1);
    if (history.revisions.length === 0) this.#index.delete(key);
  }
}

function eventOf(
  { key, value, attachment }: Write,
  revision: number,
  createRevision: number,
  previous: KeyValue | undefined,
): StoreEvent {
  const more = { key, revision, createRevision, previous, attachment };
  if (value !== undefined) return { type: 'put', value, ...more };
  let last: Uint8Array | undefined;
  return {
    type: 'delete',
    get value() {
      last ??= (previous as KeyValue).value;
      return last;
    },
    ...more,
  };
}

/** The signed revision that stood at `revision`, undefined when the key did not exist yet. */
function revisionAt(history: KeyHistory, revision: number): number | undefined {
  for (let i = history.revisions.length - 1; i >= 0; i--) {
    const signed = history.revisions[i] as number;
    if (Math.abs(signed) <= revision) return signed;
  }
  return undefined;
}

function expired(revision: number, compacted: number): ApiError {
  return new ApiError('Expired', `The resourceVersion ${revision} is too old: history starts at ${compacted}`);
}
