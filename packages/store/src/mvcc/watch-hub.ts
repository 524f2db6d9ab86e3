/** Hands committed events to the sinks whose prefix they carry: one map lookup per path segment, no scan of sinks. */
import type { StoreEvent, WatchSink } from '../contract.ts';

export class WatchHub {
  readonly #sinks = new Map<string, Set<WatchSink>>();

  add(prefix: string, sink: WatchSink): () => void {
    const set = this.#sinks.get(prefix) ?? new Set();
    if (set.size === 0) this.#sinks.set(prefix, set);
    set.add(sink);
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      set.delete(sink);
      if (set.size === 0 && this.#sinks.get(prefix) === set) this.#sinks.delete(prefix);
      sink.closed(undefined);
    };
  }

  /** `revision`: everything up to it is now delivered, also to sinks without an event. */
  publish(events: readonly StoreEvent[], revision: number): void {
    const perPrefix = new Map<string, StoreEvent[]>();
    for (const event of events) {
      for (const prefix of this.#prefixesOf(event.key)) {
        const list = perPrefix.get(prefix);
        if (list === undefined) perPrefix.set(prefix, [event]);
        else list.push(event);
      }
    }
    for (const [prefix, list] of perPrefix) for (const sink of this.#sinks.get(prefix) ?? []) sink.events(list);
    for (const set of this.#sinks.values()) for (const sink of set) sink.progress(revision);
  }

  closeAll(error: Error | undefined): void {
    for (const set of this.#sinks.values()) for (const sink of set) sink.closed(error);
    this.#sinks.clear();
  }

  /** Registered prefixes of this key; a prefix ends in `/` or is ''. */
  *#prefixesOf(key: string): Iterable<string> {
    if (this.#sinks.has('')) yield '';
    for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
      const prefix = key.slice(0, slash + 1);
      if (this.#sinks.has(prefix)) yield prefix;
    }
  }
}
