/** WATCH: frames made once per event and shared by all watchers. Source: apiserver/pkg/endpoints/handlers/watch.go. */
import { encodeWatchEvent, type UnknownObject, wrapEnvelope } from '@kapella/api';
import { ApiError, type Ctx, type Timer } from '@kapella/base';
import type { ByteSink, ResponseStream } from '@kapella/client';
import type { CachedObject, CacheEvent, WatchOptions } from '@kapella/store';
import { cborWatchEvent } from '../codec/cbor.ts';
import { type ListParameters, parseReadRevision } from '../http/parameters.ts';
import { joinParts } from '../respond/parts.ts';
import { renderObject, type View } from '../respond/render.ts';
import { tableOf, tableRow } from '../respond/table.ts';
import { storageOf } from './commit.ts';
import type { WatchSeries } from '../metrics/watch-metrics.ts';
import { type Core, makeConsistent } from './core.ts';
import { cacheQuery } from './selectors.ts';

const encoder = new TextEncoder();
const NEWLINE = encoder.encode('\n');
const BOOKMARK_EVERY_MS = 60_000;
/** Upstream's --min-request-timeout; then up to twice as long. */
export const WATCH_MS_MIN = 1_800_000;
/** Bytes that may wait for one slow client before it is cut off: it lists again. */
const PENDING_BYTES_MAX = 16 << 20;
/** More than this, as in the initial state of a watch, goes out in several writes. */
const JOINED_BYTES_MAX = 128 * 1024;

/** Frames of events that are being sent right now, so that equal watchers share them. */
export interface FrameCache {
  /** Of all events in order, joined: a write costs more than the copy that saves it. `form`: of `formOf`. */
  frames(view: View, form: string, events: readonly CacheEvent[]): Uint8Array;
}

/** What frames of one event differ by. */
export function formOf({ media, type, include }: View): string {
  return `${media.encoding} ${media.form} ${media.isBeta === true} ${include} ${type.apiVersion}`;
}

export function createFrameCache(): FrameCache {
  const single = new Map<CachedObject, Map<string, Uint8Array>>();
  const joined = new Map<readonly CacheEvent[], Map<string, Uint8Array>>();
  let isClearing = false;
  const clearSoon = () => {
    if (isClearing) return;
    isClearing = true;
    queueMicrotask(() => {
      isClearing = false;
      single.clear();
      joined.clear();
    });
  };
  const frame = (view: View, form: string, event: CacheEvent) =>
    kept(single, event.object, `${event.type} ${form}`, () =>
      frameOf(view, event.type, eventObject(view, event.object)),
    );
  return {
    frames(view, form, events) {
      clearSoon();
      const [first] = events;
      if (events.length === 1 && first !== undefined) return frame(view, form, first);
      return kept(joined, events, form, () => join(events.map((event) => frame(view, form, event))));
    },
  };
}

function kept<K>(cache: Map<K, Map<string, Uint8Array>>, key: K, form: string, make: () => Uint8Array): Uint8Array {
  let byForm = cache.get(key);
  if (byForm === undefined) {
    byForm = new Map();
    cache.set(key, byForm);
  }
  let bytes = byForm.get(form);
  if (bytes === undefined) {
    bytes = make();
    byForm.set(form, bytes);
  }
  return bytes;
}

const join = (frames: readonly Uint8Array[]): Uint8Array =>
  joinParts(
    frames.reduce((sum, { length }) => sum + length, 0),
    frames,
  );

/** Tables describe their columns in a watcher's first frame only; those frames are not shared. */
function eventObject(view: View, object: CachedObject): Uint8Array {
  if (view.media.form !== 'Table') return renderObject(view, object);
  const decoded = view.type.objectOf(object);
  const { isBeta = false } = view.media;
  const rows = [tableRow(view.type, decoded, view.include, view.nowMs, isBeta)];
  const metadata = { resourceVersion: decoded.metadata.resourceVersion };
  return view.codecs.encode(
    tableOf(view.type, rows, metadata, { withColumns: false, isBeta }),
    view.media.encoding,
    false,
  );
}

/** One event on the wire: a line of JSON, or a length and a protobuf message. */
export function frameOf({ media }: View, type: string, object: Uint8Array): Uint8Array {
  if (media.encoding === 'protobuf') {
    const message = encodeWatchEvent(type, object);
    const frame = new Uint8Array(message.length + 4);
    new DataView(frame.buffer).setUint32(0, message.length);
    frame.set(message, 4);
    return frame;
  }
  if (media.encoding === 'cbor') return cborWatchEvent(type, object);
  const head = encoder.encode(`{"type":"${type}","object":`);
  const frame = new Uint8Array(head.length + object.length + 2);
  frame.set(head, 0);
  frame.set(object, head.length);
  frame[frame.length - 2] = 125;
  frame[frame.length - 1] = NEWLINE[0] as number;
  return frame;
}

/** The events themselves where they are few, so that watchers share what is made of them. */
function partsOf(events: readonly CacheEvent[]): readonly (readonly CacheEvent[])[] {
  const parts: CacheEvent[][] = [];
  let bytes = JOINED_BYTES_MAX;
  for (const event of events) {
    bytes += event.object.sizeBytes;
    if (bytes > JOINED_BYTES_MAX) {
      parts.push([]);
      bytes = event.object.sizeBytes;
    }
    parts.at(-1)?.push(event);
  }
  return parts.length === 1 ? [events] : parts;
}

export interface WatchRequest {
  readonly core: Core;
  readonly frames: FrameCache;
  readonly view: View;
  readonly namespace: string;
  readonly name: string;
  readonly parameters: ListParameters;
}

/** Throws BadRequest and Expired before the stream starts; later errors are ERROR events. */
export async function watchObjects(request: WatchRequest, ctx: Ctx): Promise<ResponseStream> {
  const { core, view, parameters } = request;
  const { cache, converts } = storageOf(view.type);
  if (converts) await cache.fill();
  const query = cacheQuery(view.type, request.namespace, request.name, parameters.labels, parameters.fields);
  const revision = parseReadRevision(parameters.resourceVersion);
  const wantsInitial = parameters.sendInitialEvents ?? (revision === undefined || revision === 0);
  if (revision === undefined) await makeConsistent(core, view.type, ctx);
  else if (wantsInitial || cache.revision === 0) await cache.waitFor(revision, ctx);
  if (query.matches !== undefined) await cache.digest(query.namespace, ctx);
  const after = revision === undefined || revision === 0 ? 'now' : revision;
  const options: WatchOptions = { ...query, after, ...(wantsInitial ? { initial: true } : {}) };
  return { start: (sink, signal) => new WatchStream(request, options, sink, ctx).run(signal) };
}

class WatchStream {
  readonly #request: WatchRequest;
  readonly #options: WatchOptions;
  readonly #sink: ByteSink;
  readonly #ctx: Ctx;
  /** What the watch began with, in parts that become bytes when the client takes them. Goes before all that is pending. */
  #backlog: (readonly CacheEvent[])[] = [];
  #isBeginning = true;
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #blocked = false;
  #ended = false;
  #cancel: () => void = () => {};
  #deadline: Timer | undefined;
  #bookmarks: Timer | undefined;
  #columnsSent = false;
  readonly #series: WatchSeries;
  readonly #startedMs: number;
  readonly #form: string;

  constructor(request: WatchRequest, options: WatchOptions, sink: ByteSink, ctx: Ctx) {
    this.#request = request;
    this.#options = options;
    this.#sink = sink;
    this.#ctx = ctx;
    const { group, version, plural } = request.view.type;
    this.#series = request.core.watchMetrics.of(group, version, plural);
    this.#startedMs = ctx.clock.monotonicMs();
    this.#form = formOf(request.view);
  }

  run(signal: AbortSignal): void {
    const { view, parameters } = this.#request;
    const { cache } = storageOf(view.type);
    signal.addEventListener('abort', () => this.#end(false), { once: true });
    if (signal.aborted) return;
    this.#sink.onDrain(() => this.#drain());
    try {
      const cancel = cache.watch(this.#options, {
        events: (events) => this.#events(events),
        initialEnd: (revision) => {
          if (parameters.sendInitialEvents !== true || !parameters.allowBookmarks) return;
          this.#bookmark(revision, true);
          this.#noteListed();
        },
        closed: (error) => this.#closed(error),
      });
      this.#isBeginning = false;
      if (this.#ended) cancel();
      else this.#cancel = cancel;
    } catch (error) {
      this.#closed(error as Error);
    }
    if (this.#ended) return;
    const { clock, random } = this.#ctx;
    const seconds = parameters.timeoutSeconds;
    const timeoutMs = seconds === undefined ? this.#request.core.watchMsMin * (1 + random.float()) : seconds * 1000;
    this.#deadline = clock.setTimer(timeoutMs, () => this.#end(true));
    if (parameters.allowBookmarks) this.#scheduleBookmark();
  }

  #scheduleBookmark(): void {
    const { clock } = this.#ctx;
    this.#bookmarks = clock.setTimer(BOOKMARK_EVERY_MS, () => {
      this.#bookmark(storageOf(this.#request.view.type).cache.revision, false);
      this.#scheduleBookmark();
    });
  }

  #noteListed(): void {
    const { core, view, namespace, name } = this.#request;
    const { group, version, plural } = view.type;
    const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
    const seconds = (this.#ctx.clock.monotonicMs() - this.#startedMs) / 1000;
    core.watchMetrics.listed(group, version, plural, scope, seconds);
  }

  #events(events: readonly CacheEvent[]): void {
    if (this.#ended) return;
    const { frames, view } = this.#request;
    let rest = events;
    const [first] = events;
    if (view.media.form === 'Table' && !this.#columnsSent && first !== undefined) {
      this.#columnsSent = true;
      this.#send(frameOf(view, first.type, renderObject(view, first.object)));
      rest = events.slice(1);
    }
    const parts = partsOf(rest);
    if (this.#isBeginning) {
      this.#backlog.push(...parts);
      this.#drain();
    } else for (const part of parts) this.#send(frames.frames(view, this.#form, part), part.length);
  }

  #bookmark(revision: number, initialEnd: boolean): void {
    const { view } = this.#request;
    const annotations = initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(revision), ...annotations };
    this.#send(frameOf(view, 'BOOKMARK', bookmarkObject(view, metadata)));
  }

  #closed(error: Error | undefined): void {
    if (this.#ended) return;
    if (error !== undefined) {
      const status = error instanceof ApiError ? error : new ApiError('InternalError', error.message);
      const { view } = this.#request;
      const { codecs, media } = view;
      this.#send(frameOf(view, 'ERROR', codecs.encode(status.toStatus(), media.encoding, false)));
    }
    this.#end(true);
  }

  /** `count` events joined. */
  #send(frame: Uint8Array, count = 1): void {
    if (this.#ended) return;
    this.#count(frame, count);
    if (!this.#blocked && this.#backlog.length === 0) {
      if (!this.#sink.write(frame)) this.#blocked = true;
      return;
    }
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    if (this.#pendingBytes > PENDING_BYTES_MAX) this.#end(true);
  }

  #count(frame: Uint8Array, count: number): void {
    this.#series.events.value += count;
    this.#series.bytes.observe(frame.length / count, count);
  }

  #drain(): void {
    this.#blocked = false;
    const { frames, view } = this.#request;
    while (this.#backlog.length > 0 && !this.#blocked && !this.#ended) {
      const part = this.#backlog.shift() as readonly CacheEvent[];
      const frame = frames.frames(view, this.#form, part);
      this.#count(frame, part.length);
      if (!this.#sink.write(frame)) this.#blocked = true;
    }
    let sent = 0;
    while (sent < this.#pending.length && !this.#blocked) {
      const frame = this.#pending[sent++] as Uint8Array;
      this.#pendingBytes -= frame.length;
      if (!this.#sink.write(frame)) this.#blocked = true;
    }
    this.#pending.splice(0, sent);
  }

  #end(close: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deadline?.cancel();
    this.#bookmarks?.cancel();
    this.#cancel();
    this.#pending.length = 0;
    this.#backlog = [];
    if (close) this.#sink.close();
  }
}

/** An object of the watched form that carries nothing but metadata. */
function bookmarkObject(view: View, metadata: object): Uint8Array {
  const { codecs, type, media } = view;
  const object = { kind: type.kind, apiVersion: type.apiVersion, metadata } as unknown as UnknownObject;
  if (media.form === 'Table') {
    const { isBeta = false } = media;
    const rows = [tableRow(type, object, view.include, view.nowMs, isBeta)];
    const { resourceVersion } = object.metadata;
    const table = tableOf(type, rows, { resourceVersion }, { withColumns: false, isBeta });
    return codecs.encode(table, media.encoding, false);
  }
  if (media.form === 'PartialObjectMetadata') {
    if (media.encoding === 'protobuf') {
      const message = codecs.protobuf.encodeMessage({ metadata }, 'meta/v1.PartialObjectMetadata');
      return wrapEnvelope('meta.k8s.io/v1', 'PartialObjectMetadata', message);
    }
    return codecs.encode(
      { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata },
      media.encoding,
      false,
    );
  }
  return codecs.encode(object, media.encoding, false);
}
