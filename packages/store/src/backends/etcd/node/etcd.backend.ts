/** The store in an etcd cluster, for several API servers at once. Source: apiserver/pkg/storage/etcd3. */
import { ApiError, type Ctx, describeError } from '@kapella/base';
import type {
  CommitResult,
  KeyValue,
  ListOptions,
  ListResult,
  Store,
  StoreEvent,
  WatchSink,
  Write,
} from '../../../contract.ts';
import { WatchHub } from '../../../mvcc/watch-hub.ts';
import { EVENTS_MIN, EventLog } from '../event-log.ts';
import { createKeySpace, type EtcdOptions, hasOrderedProgress, type KeySpace } from '../options.ts';
import { EtcdConnection } from './connection.ts';
import { isCompacted } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { endOf, type RangeResponse, type TxnResponse, type WatchResponse, type WireKeyValue } from './wire.ts';

/** Keys a request when all are asked for: about 4 MB of 2 kB objects, decoded in one turn. */
const PAGE_KEYS = 2_000;
/** How long opening waits for the recent past. */
const CATCH_UP_MS_MAX = 2_000;
/** Attachments that wait for their event. */
const ATTACHMENTS_MAX = 10_000;
/** Who compacts says so here, so that of several servers one does it. Upstream: compactRevKey. */
const COMPACT_KEY = 'compact_rev_key';
const FOREVER: Ctx['signal'] = new AbortController().signal;

/** Resolves when the cluster answers. Throws ApiError after 30 s without an answer, or when it refuses this client. */
export async function openEtcdStore(options: EtcdOptions, ctx: Ctx): Promise<Store> {
  const connection = new EtcdConnection(options);
  try {
    const { version } = await connection.read<{ version: string }>(
      'Maintenance',
      'status',
      {},
      'read its version',
      ctx,
    );
    const keys = createKeySpace(options.prefix);
    const range = { key: Buffer.from(keys.outer('')), limit: 1, keysOnly: true };
    const { header } = await connection.read<RangeResponse>('KV', 'range', range, 'read its revision', ctx);
    await warnOfAlarms(connection, ctx);
    const store = new EtcdStore(connection, keys, version, header.revision, { ...ctx, signal: FOREVER });
    await Promise.all([store.noteCompactions(ctx), store.catchUp(ctx)]);
    return store;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Reads go on under an alarm; who starts the server should know why its writes will fail. */
async function warnOfAlarms(connection: EtcdConnection, ctx: Ctx): Promise<void> {
  try {
    const { alarms } = await connection.once<{ alarms: readonly { alarm: string }[] }>('Maintenance', 'alarm', {}, ctx);
    for (const { alarm } of alarms) ctx.log.error('etcd has raised an alarm', { alarm, endpoint: connection.endpoint });
  } catch (error) {
    // Alarms are for etcd's administrators: a client with fewer rights does without.
    ctx.log.debug('etcd alarms not read', { error: describeError(error) });
  }
}

class EtcdStore implements Store {
  readonly backend = 'etcd';
  readonly embedded = false;
  readonly #connection: EtcdConnection;
  readonly #keys: KeySpace;
  readonly #ctx: Ctx;
  readonly #hub = new WatchHub();
  readonly #log: EventLog;
  readonly #stream: EventStream;
  readonly #running: Promise<void>;
  readonly #attachments = new Map<string, Write>();
  /** The newest revision when this store was opened. What came before is delivered to nobody but kept for a while. */
  readonly #openedAt: number;
  #wakeCaughtUp: () => void = () => {};
  /** Version of the compaction key when it was last seen. */
  #compactVersion = 0;
  #closed = false;

  constructor(connection: EtcdConnection, keys: KeySpace, version: string, revision: number, ctx: Ctx) {
    this.#connection = connection;
    this.#keys = keys;
    this.#ctx = ctx;
    this.#openedAt = revision;
    const from = Math.max(0, revision - EVENTS_MIN);
    this.#log = new EventLog(from);
    const asksProgress = hasOrderedProgress(version);
    this.#stream = new EventStream(
      connection,
      from,
      {
        // Without progress notes the changes of others tell how far this store has come.
        prefix: asksProgress ? keys.outer('') : '',
        asksProgress,
        toEvent: (event) => this.#eventOf(event),
        deliver: (events, upTo) => {
          this.#log.add(events);
          this.#hub.publish(events, upTo);
          if (upTo >= revision) this.#wakeCaughtUp();
        },
        beginsAt: (at) => this.#log.reset(at),
        lost: (error) => this.#lost(error),
      },
      ctx,
    );
    this.#running = this.#stream.run();
  }

  async get(key: string, ctx: Ctx): Promise<KeyValue | undefined> {
    const request = { key: this.#outer(key) };
    const { kvs } = await this.#connection.read<RangeResponse>('KV', 'range', request, `read ${key}`, ctx);
    return kvs[0] === undefined ? undefined : keyValueOf(key, kvs[0]);
  }

  async list(prefix: string, options: ListOptions, ctx: Ctx): Promise<ListResult> {
    const release = this.#log.hold();
    try {
      return await this.#list(prefix, options, ctx);
    } catch (error) {
      const cause = (error as Error).cause;
      if (!isCompacted(cause ?? error)) throw error;
      throw new ApiError('Expired', `The resourceVersion ${options.revision ?? 0} is too old: etcd compacted it`, {
        cause: error,
      });
    } finally {
      // The caller's next step in this turn is to watch from here on.
      setImmediate(release);
    }
  }

  async commit(write: Write, ctx: Ctx): Promise<CommitResult> {
    const { key, value, expectedRevision, attachment } = write;
    if (value === undefined && expectedRevision === 0) return { ok: false, current: await this.get(key, ctx) };
    if (attachment !== undefined && this.#attachments.size < ATTACHMENTS_MAX) this.#attachments.set(key, write);
    let tried = false;
    const attempt = async (): Promise<CommitResult> => {
      const isAgain = tried;
      tried = true;
      const response = await this.#connection.once<TxnResponse>('KV', 'txn', this.#transaction(write), ctx);
      if (response.succeeded) return { ok: true, revision: response.header.revision };
      const found = response.responses[0]?.responseRange?.kvs[0];
      // An attempt whose answer never came may have been carried out: then the key holds what was to be written.
      const isDone = isAgain && (value === undefined ? found === undefined : found?.value.equals(value) === true);
      if (isDone) return { ok: true, revision: found?.modRevision ?? response.header.revision };
      return { ok: false, current: found === undefined ? undefined : keyValueOf(key, found) };
    };
    try {
      const result = await this.#connection.repeat(attempt, `write ${key}`, ctx);
      if (!result.ok) this.#attachments.delete(key);
      return result;
    } catch (error) {
      this.#attachments.delete(key);
      throw error;
    }
  }

  watch(prefix: string, afterRevision: number, sink: WatchSink): () => void {
    const seen = this.#stream.revision;
    const from = afterRevision === 0 ? Math.max(seen, this.#openedAt) : afterRevision;
    if (from >= seen) {
      sink.progress(from);
      return this.#hub.add(prefix, from > seen ? onlyAfter(from, sink) : sink);
    }
    const missed = this.#log.after(prefix, afterRevision);
    if (missed === undefined) {
      const text = `The resourceVersion ${afterRevision} is too old: this server knows what changed since ${this.#log.oldest}`;
      queueMicrotask(() => sink.closed(new ApiError('Expired', text)));
      return () => {};
    }
    if (missed.length > 0) sink.events(missed);
    sink.progress(seen);
    return this.#hub.add(prefix, sink);
  }

  async currentRevision(ctx: Ctx): Promise<number> {
    const request = { key: this.#outer(''), limit: 1, keysOnly: true };
    const { header } = await this.#connection.read<RangeResponse>('KV', 'range', request, 'read its revision', ctx);
    return header.revision;
  }

  requestProgress(revision: number): void {
    this.#stream.reach(revision);
  }

  /** Of several servers that ask within one interval the first does it: the key's version tells the others. */
  async compact(revision: number, ctx: Ctx): Promise<void> {
    const key = Buffer.from(COMPACT_KEY);
    const claim = {
      compare: [{ result: 'EQUAL', target: 'VERSION', key, version: this.#compactVersion }],
      success: [{ requestPut: { key, value: Buffer.from(String(revision)) } }],
      failure: [{ requestRange: { key } }],
    };
    const answer = await this.#connection.read<TxnResponse>('KV', 'txn', claim, 'claim the compaction', ctx);
    if (!answer.succeeded) {
      this.#compactVersion = answer.responses[0]?.responseRange?.kvs[0]?.version ?? 0;
      return;
    }
    this.#compactVersion++;
    try {
      await this.#connection.read('KV', 'compact', { revision }, 'compact', ctx);
    } catch (error) {
      if (!isCompacted((error as Error).cause ?? error)) throw error;
    }
    this.#log.forget(revision);
  }

  /** The recent past has come, or does not come in time: watches of before this server then list again. */
  async catchUp(ctx: Ctx): Promise<void> {
    if (this.#stream.revision >= this.#openedAt) return;
    this.#stream.reach(this.#openedAt);
    await new Promise<void>((resolve) => {
      const timer = ctx.clock.setTimer(CATCH_UP_MS_MAX, resolve);
      this.#wakeCaughtUp = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Compactions of before this server's time do not keep it from its own. */
  async noteCompactions(ctx: Ctx): Promise<void> {
    const request = { key: Buffer.from(COMPACT_KEY) };
    try {
      const { kvs } = await this.#connection.once<RangeResponse>('KV', 'range', request, ctx);
      this.#compactVersion = kvs[0]?.version ?? 0;
    } catch (error) {
      this.#ctx.log.debug('last compaction not read', { error: describeError(error) });
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
    await this.#running;
    this.#hub.closeAll(undefined);
    this.#connection.close();
  }

  async #list(prefix: string, options: ListOptions, ctx: Ctx): Promise<ListResult> {
    const { limit = Number.POSITIVE_INFINITY, startAfter } = options;
    const items: KeyValue[] = [];
    const rangeEnd = endOf(this.#keys.outer(prefix));
    let revision = options.revision ?? 0;
    let key = startAfter === undefined ? this.#outer(prefix) : Buffer.from(`${this.#keys.outer(startAfter)}\0`);
    for (;;) {
      const request = { key, rangeEnd, limit: Math.min(limit - items.length, PAGE_KEYS), revision };
      const page = await this.#connection.read<RangeResponse>('KV', 'range', request, `list ${prefix}`, ctx);
      if (revision === 0) revision = page.header.revision;
      for (const kv of page.kvs) {
        const inner = this.#keys.inner(kv.key.toString());
        if (inner !== undefined) items.push(keyValueOf(inner, kv));
      }
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { items, revision, more: false, remaining: 0 };
      // etcd counts the whole range, whatever the limit.
      if (items.length >= limit) return { items, revision, more: true, remaining: page.count - page.kvs.length };
      key = Buffer.concat([last.key, Buffer.from([0])]);
    }
  }

  #transaction({ key, value, expectedRevision }: Write): object {
    const bytes = this.#outer(key);
    const done = value === undefined ? { requestDeleteRange: { key: bytes } } : { requestPut: { key: bytes, value } };
    return {
      compare: [{ result: 'EQUAL', target: 'MOD', key: bytes, modRevision: expectedRevision }],
      success: [done],
      failure: [{ requestRange: { key: bytes } }],
    };
  }

  #outer(key: string): Buffer {
    return Buffer.from(this.#keys.outer(key));
  }

  #eventOf({ type, kv, prevKv }: WatchResponse['events'][number]): StoreEvent | undefined {
    const key = this.#keys.inner(kv.key.toString());
    if (key === undefined) return undefined;
    const previous = prevKv === null ? undefined : keyValueOf(key, prevKv);
    if (type === 'DELETE') {
      const value = previous?.value ?? new Uint8Array();
      const createRevision = previous?.createRevision ?? 0;
      return { type: 'delete', key, value, revision: kv.modRevision, createRevision, previous };
    }
    const own = this.#attachments.get(key);
    const isOwn = own?.value !== undefined && kv.value.equals(own.value);
    if (isOwn) this.#attachments.delete(key);
    const value = isOwn ? (own.value as Uint8Array) : new Uint8Array(kv.value);
    const event = {
      type: 'put',
      key,
      value,
      revision: kv.modRevision,
      createRevision: kv.createRevision,
      previous,
    } as const;
    return isOwn ? { ...event, attachment: own.attachment } : event;
  }

  /** Sinks list anew: at a revision that this store then knows what follows. */
  async #lost(error: ApiError): Promise<number> {
    const revision = await this.currentRevision(this.#ctx);
    this.#log.reset(revision);
    setImmediate(() => this.#hub.closeAll(error));
    return revision;
  }
}

/** For a sink that has listed ahead of the watch. */
function onlyAfter(revision: number, sink: WatchSink): WatchSink {
  return {
    events(events) {
      const news = (events[0]?.revision ?? 0) > revision ? events : events.filter((event) => event.revision > revision);
      if (news.length > 0) sink.events(news);
    },
    progress: (to) => sink.progress(Math.max(to, revision)),
    closed: (error) => sink.closed(error),
  };
}

/** Values are copied: each would otherwise keep the whole message it came in. */
function keyValueOf(key: string, { value, createRevision, modRevision }: WireKeyValue): KeyValue {
  return { key, value: new Uint8Array(value), createRevision, modRevision };
}
