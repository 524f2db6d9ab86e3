/** The recent changes of one resource: what watches resume from and lists of the past are rebuilt with. */
import type { Entry } from './entry.ts';

/** One change. `next` of a deletion is the last state at the deletion's revision. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly previous: Entry | undefined;
  readonly next: Entry;
  readonly deleted: boolean;
  /** `previous` at this change's revision, for watchers out of whose sight the object went; made on request. */
  gone?: Entry;
}

/** At most this many bytes of superseded objects are kept, however many changes that is. */
const WINDOW_BYTES_MAX = 8 << 20;
const WINDOW_MIN = 256;

export class History {
  readonly #changesMax: number;
  #changes: Change[] = [];
  #first = 0;
  #bytes = 0;
  /** Changes up to here are forgotten: the oldest revision that can be asked for. */
  oldest: number;

  constructor(changesMax: number, oldest: number) {
    this.#changesMax = changesMax;
    this.oldest = oldest;
  }

  add(change: Change): void {
    this.#changes.push(change);
    this.#bytes += change.previous?.bytes.length ?? 0;
    while (this.#tooMany()) {
      const dropped = this.#changes[this.#first++] as Change;
      this.#bytes -= dropped.previous?.bytes.length ?? 0;
      this.oldest = dropped.revision;
    }
    if (this.#first > 1024 && this.#first * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Changes after `revision`, oldest first. */
  after(revision: number): readonly Change[] {
    let low = this.#first;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle] as Change).revision > revision) high = middle;
      else low = middle + 1;
    }
    return this.#changes.slice(low);
  }

  /** State of each key changed after `revision`, as it was at it; undefined: it did not exist. */
  undo(revision: number): Map<string, Entry | undefined> {
    const states = new Map<string, Entry | undefined>();
    for (const change of this.after(revision).toReversed()) states.set(change.key, change.previous);
    return states;
  }

  #tooMany(): boolean {
    const count = this.#changes.length - this.#first;
    return count > this.#changesMax || (this.#bytes > WINDOW_BYTES_MAX && count > WINDOW_MIN);
  }
}
