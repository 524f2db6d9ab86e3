/** A store whose values are transformed on their way: what lies in it is encrypted, what comes out is not. */
import { ApiError, type Ctx } from '@kapella/base';
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
import type { Transformer } from './transformer.ts';

const encoder = new TextEncoder();

/** A value that none of the configured keys can read. */
export class UnreadableError extends ApiError {}

export interface EncryptedStoreOptions {
  /** The transformer of the resource as configured now. */
  readonly transformer: () => Transformer;
  /** What a value is bound to, from its key: the key in etcd. */
  readonly contextOf?: (key: string) => string;
}

/** Closing it leaves `inner` open. */
export function createEncryptedStore(inner: Store, options: EncryptedStoreOptions): Store {
  return new EncryptedStore(inner, options);
}

class EncryptedStore implements Store {
  readonly backend: string;
  readonly embedded: boolean;
  readonly #inner: Store;
  readonly #transformer: () => Transformer;
  readonly #contextOf: (key: string) => string;

  constructor(inner: Store, { transformer, contextOf = (key) => key }: EncryptedStoreOptions) {
    this.#inner = inner;
    this.backend = inner.backend;
    this.embedded = inner.embedded;
    this.#transformer = transformer;
    this.#contextOf = contextOf;
  }

  async get(key: string, ctx: Ctx): Promise<KeyValue | undefined> {
    const found = await this.#inner.get(key, ctx);
    return found === undefined ? undefined : this.#read(found);
  }

  async list(prefix: string, options: ListOptions, ctx: Ctx): Promise<ListResult> {
    // What is not read is not decrypted either: whether it can be is to be known before anybody relies on the list.
    const result = await this.#inner.list(prefix, { ...options, lazy: false }, ctx);
    const items: KeyValue[] = [];
    for (const item of result.items) {
      const read = this.#read(item);
      items.push(read instanceof Promise ? await read : read);
    }
    return { ...result, items };
  }

  async commit(write: Write, ctx: Ctx): Promise<CommitResult> {
    const { key, value } = write;
    const result = await this.#inner.commit(
      value === undefined ? write : { ...write, value: this.#write(key, value) },
      ctx,
    );
    if (result.ok || result.current === undefined) return result;
    return { ok: false, current: await this.#read(result.current) };
  }

  watch(prefix: string, afterRevision: number, sink: WatchSink): () => void {
    return this.#inner.watch(prefix, afterRevision, new ReadingSink(sink, (event) => this.#readEvent(event)));
  }

  async needsRewrite(key: string, ctx: Ctx): Promise<boolean> {
    const found = await this.#inner.get(key, ctx);
    return found !== undefined && !this.#transformer().isCurrent(found.value);
  }

  currentRevision(ctx: Ctx): Promise<number> {
    return this.#inner.currentRevision(ctx);
  }

  requestProgress(revision: number): void {
    this.#inner.requestProgress(revision);
  }

  compact(revision: number, ctx: Ctx): Promise<void> {
    return this.#inner.compact(revision, ctx);
  }

  async close(): Promise<void> {}

  #write(key: string, value: Uint8Array): Uint8Array {
    try {
      return this.#transformer().write(value, encoder.encode(this.#contextOf(key)));
    } catch (error) {
      throw new ApiError('InternalError', `Internal error occurred: unable to encrypt: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #read(stored: KeyValue): KeyValue | Promise<KeyValue> {
    const value = this.#readValue(stored.key, stored.value);
    return value instanceof Promise ? value.then((plain) => ({ ...stored, value: plain })) : { ...stored, value };
  }

  #readValue(key: string, value: Uint8Array): Uint8Array | Promise<Uint8Array> {
    try {
      const plain = this.#transformer().read(value, encoder.encode(this.#contextOf(key)));
      return plain instanceof Promise ? plain.catch((error: unknown) => Promise.reject(unreadable(key, error))) : plain;
    } catch (error) {
      throw unreadable(key, error);
    }
  }

  #readEvent(event: StoreEvent): StoreEvent | Promise<StoreEvent> {
    // What was compacted away before it could be told of is empty.
    const value = event.value.length === 0 ? event.value : this.#readValue(event.key, event.value);
    const previous = event.previous === undefined ? undefined : this.#read(event.previous);
    if (value instanceof Promise || previous instanceof Promise) {
      return Promise.all([value, previous]).then(([plain, before]) => ({ ...event, value: plain, previous: before }));
    }
    return { ...event, value, previous };
  }
}

/** Upstream's words. */
function unreadable(key: string, cause: unknown): UnreadableError {
  return new UnreadableError(
    'InternalError',
    `unable to transform key ${JSON.stringify(key)}: ${(cause as Error).message}`,
    { cause },
  );
}

/** Delivers at once what can be read at once. What waits for a key service holds back all that follows: order stays. */
class ReadingSink implements WatchSink {
  readonly #sink: WatchSink;
  readonly #read: (event: StoreEvent) => StoreEvent | Promise<StoreEvent>;
  #queue: Promise<void> | undefined;
  #ended = false;

  constructor(sink: WatchSink, read: (event: StoreEvent) => StoreEvent | Promise<StoreEvent>) {
    this.#sink = sink;
    this.#read = read;
  }

  events(events: readonly StoreEvent[]): void {
    if (this.#queue !== undefined) {
      this.#enqueue(async () => this.#deliver(await Promise.all(events.map((event) => this.#read(event)))));
      return;
    }
    try {
      const read = events.map((event) => this.#read(event));
      if (read.some((event) => event instanceof Promise))
        this.#enqueue(async () => this.#deliver(await Promise.all(read)));
      else this.#deliver(read as StoreEvent[]);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  progress(revision: number): void {
    if (this.#queue === undefined) this.#sink.progress(revision);
    else this.#enqueue(async () => this.#sink.progress(revision));
  }

  closed(error: Error | undefined): void {
    if (this.#queue === undefined) this.#end(error);
    else this.#enqueue(async () => this.#end(error));
  }

  #deliver(events: readonly StoreEvent[]): void {
    if (!this.#ended) this.#sink.events(events);
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink.closed(error);
  }

  #enqueue(work: () => Promise<void>): void {
    const mine = (this.#queue ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => this.#end(error as Error))
      .then(() => {
        if (this.#queue === mine) this.#queue = undefined;
      });
    this.#queue = mine;
  }
}
