/** The last events of the store's one watch, for sinks that start a little behind it: a cache lists, then watches. */
import type { StoreEvent } from '../../contract.ts';

/** Kept at all times; a store that is opened begins this many revisions back, so that watches go on over a restart. */
export const EVENTS_MIN = 500;
/** Kept at most, however long the lists under way take. */
const EVENTS_MAX = 100_000;

export class EventLog {
  #events: StoreEvent[] = [];
  #listsUnderWay = 0;
  /** All events after this revision are here. */
  oldest: number;

  constructor(oldest: number) {
    this.oldest = oldest;
  }

  add(events: readonly StoreEvent[]): void {
    for (const event of events) this.#events.push(event);
    if (this.#events.length > (this.#listsUnderWay > 0 ? EVENTS_MAX : 2 * EVENTS_MIN)) this.#trim();
  }

  /** Events to keys with `prefix` after `revision`; undefined when some of them are gone. */
  after(prefix: string, revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.oldest) return undefined;
    return this.#events.filter((event) => event.revision > revision && event.key.startsWith(prefix));
  }

  /** What happens until the returned function is called can be resumed from. */
  hold(): () => void {
    this.#listsUnderWay++;
    return () => {
      this.#listsUnderWay--;
    };
  }

  /** Events up to `revision` are forgotten. */
  forget(revision: number): void {
    this.oldest = Math.max(this.oldest, revision);
    this.#events = this.#events.filter((event) => event.revision > revision);
  }

  /** A watch that lost events starts over. */
  reset(revision: number): void {
    this.#events = [];
    this.oldest = revision;
  }

  #trim(): void {
    const keep = this.#listsUnderWay > 0 ? EVENTS_MAX / 2 : EVENTS_MIN;
    const cut = this.#events.length - keep;
    // Events of one revision stay or go together: what is kept begins behind a whole revision.
    this.forget((this.#events[cut - 1] as StoreEvent).revision);
  }
}
