/** Which objects of a cache have not been looked into since it was loaded, and looking into them without a long pause. */
import type { Ctx } from '@kapella/base';
import type { SortedMap } from '../mvcc/sorted-keys.ts';
import type { Entry } from './entry.ts';

/** Others are answered in between. */
const SLICE_MS = 8;
const ALL = '';

export class Unread {
  readonly #entries: SortedMap<Entry>;
  /** Namespaces in which nothing is unread: what comes later has been decoded by its writer. */
  readonly #done = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(entries: SortedMap<Entry>) {
    this.#entries = entries;
  }

  /** Nothing is unread. */
  get isEmpty(): boolean {
    return this.#done.has(ALL);
  }

  /** What was loaded has been read. */
  settle(): void {
    this.#done.add(ALL);
  }

  /** undefined: selectors can be asked at once. */
  digest(namespace: string | undefined, ctx: Ctx): Promise<void> | undefined {
    const range = namespace ?? ALL;
    if (this.#done.has(ALL) || this.#done.has(range)) return undefined;
    const known = this.#running.get(range);
    if (known !== undefined) return known;
    const running = this.#digest(range === ALL ? '' : `${range}/`, ctx)
      .then(() => void this.#done.add(range))
      .finally(() => this.#running.delete(range));
    this.#running.set(range, running);
    return running;
  }

  async #digest(prefix: string, { clock }: Ctx): Promise<void> {
    let from = prefix;
    for (;;) {
      const untilMs = clock.monotonicMs() + SLICE_MS;
      let next: string | undefined;
      this.#entries.scan(prefix, from, (key, entry) => {
        if (clock.monotonicMs() >= untilMs) next = key;
        else entry.digest();
        return next === undefined;
      });
      if (next === undefined) return;
      from = next;
      await new Promise<void>((resolve) => void clock.setTimer(0, resolve));
    }
  }
}
