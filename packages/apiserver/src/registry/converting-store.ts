/**
 * The store as one version of a kind sees it whose versions another program converts: what is read comes in this version,
 * what is written goes into the storage version. Source: apiextensions-apiserver pkg/apiserver/customresource_handler.go
 * (crdConversionRESTOptionsGetter).
 */
import type { UnknownObject } from '@kapella/api';
import { type Ctx, parseExactJson, stringifyExactJson } from '@kapella/base';
import type { CommitResult, KeyValue, Store, StoreEvent, WatchSink, Write } from '@kapella/store';

const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** What was converted lately, so that the answer to a write and the event of it convert once. */
const MEMO_MAX = 512;
const MEMO_BYTES_MAX = 4 << 20;
/** At most this much goes into one call. */
const BATCH_MAX = 100;
const BATCH_BYTES_MAX = 1 << 20;
const BATCHES_AT_ONCE = 4;

export interface ConvertingOptions {
  /** `group/version` of what is read and written here. */
  readonly apiVersion: string;
  /** `group/version` that values are stored in. */
  readonly storageApiVersion: string;
  /** Rejects with an Error that says why. Objects come and go without resourceVersion. */
  convert(objects: readonly UnknownObject[], apiVersion: string, ctx: Ctx): Promise<readonly UnknownObject[]>;
}

interface Converted {
  readonly value: Uint8Array;
  /** The decoded value; undefined where nothing was converted. */
  readonly object: UnknownObject | undefined;
}

interface Source {
  /** Which state of which key this is; undefined: not to be remembered. */
  readonly id: string | undefined;
  readonly value: Uint8Array;
  readonly object: UnknownObject | undefined;
}

/** `ctx` is the context of what is converted on nobody's request: watches. */
export function createConvertingStore(store: Store, options: ConvertingOptions, ctx: Ctx): Store {
  return new ConvertingStore(store, options, ctx);
}

class ConvertingStore implements Store {
  readonly #store: Store;
  readonly #options: ConvertingOptions;
  readonly #ctx: Ctx;
  readonly #marker: Uint8Array;
  readonly #memo = new Map<string, { readonly made: Promise<Converted>; bytes: number }>();
  #memoBytes = 0;

  constructor(store: Store, options: ConvertingOptions, ctx: Ctx) {
    this.#store = store;
    this.#options = options;
    this.#ctx = ctx;
    this.#marker = encoder.encode(`"apiVersion":${JSON.stringify(options.apiVersion)},"metadata":{`);
  }

  /** Events may wait for their conversion. */
  readonly embedded = false;

  get backend(): string {
    return this.#store.backend;
  }

  async get(key: string, ctx: Ctx): Promise<KeyValue | undefined> {
    const found = await this.#store.get(key, ctx);
    if (found === undefined) return undefined;
    const [made] = await this.#convertAll([sourceOf(found)], ctx);
    return { ...found, value: (made as Converted).value };
  }

  async list(prefix: string, options: Parameters<Store['list']>[1], ctx: Ctx): ReturnType<Store['list']> {
    const found = await this.#store.list(prefix, { ...options, lazy: false }, ctx);
    const made = await this.#convertAll(found.items.map(sourceOf), ctx);
    return { ...found, items: found.items.map((item, i) => ({ ...item, value: (made[i] as Converted).value })) };
  }

  async commit(write: Write, ctx: Ctx): Promise<CommitResult> {
    const { apiVersion, storageApiVersion, convert } = this.#options;
    if (write.value === undefined || apiVersion === storageApiVersion) return this.#store.commit(write, ctx);
    const object = decode(write.value);
    const [stored] = await convert([object], storageApiVersion, ctx);
    const value = encode(stored as UnknownObject);
    const result = await this.#store.commit({ ...write, value, attachment: stored }, ctx);
    if (!result.ok) return result;
    // As upstream, the answer is what a reader of this version gets.
    const source = { id: `${write.key}@${result.revision}`, value, object: stored };
    const [back] = await this.#convertAll([source], ctx);
    return { ...result, value: (back as Converted).value };
  }

  watch(prefix: string, afterRevision: number, sink: WatchSink): () => void {
    const queue = new EventQueue(sink, (events: readonly StoreEvent[]) => this.#convertEvents(events));
    const cancel = this.#store.watch(prefix, afterRevision, queue);
    queue.onFailure = cancel;
    return cancel;
  }

  currentRevision(ctx: Ctx): Promise<number> {
    return this.#store.currentRevision(ctx);
  }

  requestProgress(revision: number): void {
    this.#store.requestProgress(revision);
  }

  async needsRewrite(key: string, ctx: Ctx): Promise<boolean> {
    return (await this.#store.needsRewrite?.(key, ctx)) === true;
  }

  compact(revision: number, ctx: Ctx): Promise<void> {
    return this.#store.compact(revision, ctx);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** The events themselves where there is nothing to convert. */
  #convertEvents(events: readonly StoreEvent[]): readonly StoreEvent[] | Promise<readonly StoreEvent[]> {
    if (events.every(({ value }) => this.#isHere(value))) return events;
    const sources = events.map((event) => {
      const object = event.attachment as UnknownObject | undefined;
      const state = event.type === 'put' ? event.revision : event.previous?.modRevision;
      return { id: state === undefined ? undefined : `${event.key}@${state}`, value: event.value, object };
    });
    return this.#convertAll(sources, this.#ctx).then((all) =>
      events.map((event, i) => {
        const { value, object } = all[i] as Converted;
        return object === undefined ? event : { ...event, value, attachment: object, previous: undefined };
      }),
    );
  }

  async #convertAll(sources: readonly Source[], ctx: Ctx): Promise<readonly Converted[]> {
    const made = new Array<Converted | Promise<Converted>>(sources.length);
    const missing: { readonly source: Source; readonly at: number }[] = [];
    for (const [at, source] of sources.entries()) {
      const known = source.id === undefined ? undefined : this.#memo.get(source.id);
      if (this.#isHere(source.value)) made[at] = { value: source.value, object: undefined };
      else if (known !== undefined) made[at] = known.made;
      else missing.push({ source, at });
    }
    const batches = batchesOf(missing);
    for (let i = 0; i < batches.length; i += BATCHES_AT_ONCE) {
      await Promise.all(
        batches.slice(i, i + BATCHES_AT_ONCE).map(async (batch) => {
          const all = this.#convertBatch(
            batch.map(({ source }) => source),
            ctx,
          );
          for (const [j, { source, at }] of batch.entries()) {
            const one = all.then((results) => results[j] as Converted);
            made[at] = one;
            if (batches.length === 1) this.#remember(source, one);
          }
          await all;
        }),
      );
    }
    return Promise.all(made);
  }

  async #convertBatch(sources: readonly Source[], ctx: Ctx): Promise<readonly Converted[]> {
    const objects = sources.map(({ object, value }) => object ?? decode(value));
    const converted = await this.#options.convert(objects, this.#options.apiVersion, ctx);
    return converted.map((object) => ({ value: encode(object), object }));
  }

  #remember({ id, value }: Source, made: Promise<Converted>): void {
    if (id === undefined) return;
    this.#memo.set(id, { made, bytes: value.length });
    this.#memoBytes += value.length;
    made.catch(() => this.#forget(id));
    for (const oldest of this.#memo.keys()) {
      if (this.#memo.size <= MEMO_MAX && this.#memoBytes <= MEMO_BYTES_MAX) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    const known = this.#memo.get(id);
    if (known === undefined) return;
    this.#memo.delete(id);
    this.#memoBytes -= known.bytes;
  }

  /** Whether the value is in this version: stored values begin with kind, apiVersion and metadata. */
  #isHere(value: Uint8Array): boolean {
    const marker = this.#marker;
    const start = value.indexOf(COMMA) + 1;
    for (let i = 0; i < marker.length; i++) if (value[start + i] !== marker[i]) return false;
    return true;
  }
}

const COMMA = 44;

const sourceOf = ({ key, modRevision, value }: KeyValue): Source => ({
  id: `${key}@${modRevision}`,
  value,
  object: undefined,
});

const decode = (value: Uint8Array): UnknownObject => parseExactJson(decoder.decode(value)) as UnknownObject;

/** In the order that storage has its words in. */
function encode({ kind, apiVersion, metadata, ...rest }: UnknownObject): Uint8Array {
  const { resourceVersion: _, ...meta } = metadata;
  return encoder.encode(stringifyExactJson({ kind, apiVersion, metadata: meta, ...rest }));
}

function batchesOf<T extends { readonly source: Source }>(all: readonly T[]): readonly (readonly T[])[] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const one of all) {
    const last = batches.at(-1);
    bytes += one.source.value.length;
    if (last === undefined || last.length >= BATCH_MAX || bytes > BATCH_BYTES_MAX) {
      batches.push([one]);
      bytes = one.source.value.length;
    } else last.push(one);
  }
  return batches;
}

type Convert = (events: readonly StoreEvent[]) => readonly StoreEvent[] | Promise<readonly StoreEvent[]>;
type Notice = { readonly events: readonly StoreEvent[] } | { readonly revision: number };

/** Keeps the order of what a sink is told while some of it is converted. Without conversions nothing waits. */
class EventQueue implements WatchSink {
  readonly #sink: WatchSink;
  readonly #convert: Convert;
  #waiting: Notice[] = [];
  #isBusy = false;
  #isClosed = false;
  onFailure: () => void = () => {};

  constructor(sink: WatchSink, convert: Convert) {
    this.#sink = sink;
    this.#convert = convert;
  }

  events(events: readonly StoreEvent[]): void {
    this.#take({ events });
  }

  progress(revision: number): void {
    this.#take({ revision });
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#sink.closed(error);
  }

  #take(notice: Notice): void {
    if (this.#isClosed) return;
    if (!this.#isBusy) this.#handle(notice);
    else if ('revision' in notice && 'revision' in (this.#waiting.at(-1) ?? {})) this.#waiting.splice(-1, 1, notice);
    else this.#waiting.push(notice);
  }

  #handle(notice: Notice): void {
    if ('revision' in notice) {
      this.#sink.progress(notice.revision);
      return;
    }
    const converted = this.#convert(notice.events);
    if (!(converted instanceof Promise)) {
      this.#sink.events(converted);
      return;
    }
    this.#isBusy = true;
    converted.then(
      (events) => {
        if (this.#isClosed) return;
        this.#sink.events(events);
        this.#goOn();
      },
      (error: Error) => {
        this.closed(error);
        this.onFailure();
      },
    );
  }

  /** What came meanwhile, its events in one batch. */
  #goOn(): void {
    this.#isBusy = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    const events = waiting.flatMap((notice) => ('events' in notice ? notice.events : []));
    const revision = waiting.reduce((newest, notice) => ('revision' in notice ? notice.revision : newest), 0);
    if (events.length > 0) this.#handle({ events });
    if (revision > 0) this.#take({ revision });
  }
}
