/** Which events are dropped, counted up or merged. Source: client-go/tools/record/events_cache.go. */
import type { coreV1 } from '@kapella/api';

type KindObject<R> = R extends { readonly __type?: infer T } ? NonNullable<T> : never;
/** `core/v1 Event`. */
export type CoreEvent = KindObject<(typeof coreV1)['Event']>;

const ENTRIES_MAX = 4096;
/** Token bucket of one source about one object. */
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;
/** So many events that differ only in their message within the interval are merged into one. */
const SIMILAR_MAX = 10;
const SIMILAR_INTERVAL_MS = 600_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Seen {
  readonly name: string;
  readonly count: number;
  readonly firstTimestamp: string | undefined;
}

export interface Correlated {
  readonly event: CoreEvent;
  /** The event exists already under this name: patch its count. */
  readonly patch: boolean;
  readonly key: string;
}

/** Keeps what it knows of the last 4096 sources, groups and events. */
export class EventCorrelator {
  readonly #buckets = new Map<string, Bucket>();
  readonly #similar = new Map<string, Similar>();
  readonly #seen = new Map<string, Seen>();

  /** Undefined when the source has told too much about this object. */
  correlate(event: CoreEvent, nowMs: number): Correlated | undefined {
    if (this.#isSpam(sourceKey(event), nowMs)) return undefined;
    const groupKey = similarKey(event);
    const similar = this.#group(groupKey, event, nowMs);
    const merged = similar > SIMILAR_MAX;
    const told = merged ? { ...event, message: `(combined from similar events): ${event.message ?? ''}` } : event;
    const key = merged ? groupKey : `${groupKey}|${event.message ?? ''}`;
    const seen = this.#seen.get(key);
    if (seen === undefined) return { event: told, patch: false, key };
    const counted = {
      ...told,
      metadata: { ...told.metadata, name: seen.name },
      firstTimestamp: seen.firstTimestamp,
      count: seen.count + 1,
    };
    return { event: counted, patch: true, key };
  }

  /** To be called when the event has been written. */
  written(key: string, event: CoreEvent): void {
    const { metadata, count = 1, firstTimestamp } = event;
    remember(this.#seen, key, { name: metadata.name, count, firstTimestamp });
  }

  #isSpam(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: SPAM_BURST, atMs: nowMs };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (nowMs - bucket.atMs) / SPAM_REFILL_MS);
    bucket.atMs = nowMs;
    remember(this.#buckets, key, bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  }

  #group(key: string, event: CoreEvent, nowMs: number): number {
    let similar = this.#similar.get(key);
    if (similar === undefined || nowMs - similar.lastMs > SIMILAR_INTERVAL_MS) {
      similar = { messages: new Set(), lastMs: nowMs };
    }
    similar.lastMs = nowMs;
    // One more than the limit tells all that is asked.
    if (similar.messages.size <= SIMILAR_MAX) similar.messages.add(event.message ?? '');
    remember(this.#similar, key, similar);
    return similar.messages.size;
  }
}

function sourceKey({ source = {}, involvedObject: about }: CoreEvent): string {
  return [source.component, source.host, about.kind, about.namespace, about.name, about.uid, about.apiVersion].join(
    '|',
  );
}

function similarKey(event: CoreEvent): string {
  const { involvedObject: about, type, reason, reportingComponent, reportingInstance } = event;
  return [sourceKey(event), about.fieldPath, type, reason, reportingComponent, reportingInstance].join('|');
}

/** Insertion order is order of use: the first key is the least recently used. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= ENTRIES_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
