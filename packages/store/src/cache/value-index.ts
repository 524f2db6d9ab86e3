/** Objects by the value of one label or field: lists that ask for exactly one value look at no others. */
import type { ExactValue } from '../cached.ts';
import { SortedMap } from '../mvcc/sorted-keys.ts';
import type { Entry } from './entry.ts';

/** Indexes kept; the one that was not asked for longest goes first. */
const INDEXES_MAX = 8;
/** Smaller caches are looked through sooner than an index is kept. */
const OBJECTS_MIN = 500;
/** Making an index of more would hold up everybody else. */
const OBJECTS_MAX = 50_000;
/** Names that have been asked for once: an index is made for those that are asked for again. */
const ASKED_MAX = 64;

export class ValueIndexes {
  readonly #entries: SortedMap<Entry>;
  readonly #indexes = new Map<string, ValueIndex>();
  readonly #asked = new Set<string>();

  constructor(entries: SortedMap<Entry>) {
    this.#entries = entries;
  }

  /** The objects with this value, in the order of their keys. undefined: there is no index. */
  find({ of, name, value }: ExactValue): SortedMap<Entry> | undefined {
    if (this.#entries.size < OBJECTS_MIN) return undefined;
    const id = `${of} ${name}`;
    const index = this.#indexes.get(id);
    if (index === undefined) {
      const isMade = this.#isWanted(id) && this.#entries.size <= OBJECTS_MAX;
      return isMade ? this.#make(id, new ValueIndex(of, name)).get(value) : undefined;
    }
    this.#indexes.delete(id); // and to the end of the order
    this.#indexes.set(id, index);
    return index.get(value);
  }

  /** `next` undefined: the object is gone. */
  change(previous: Entry | undefined, next: Entry | undefined): void {
    for (const index of this.#indexes.values()) index.change(previous, next);
  }

  #isWanted(id: string): boolean {
    if (this.#asked.delete(id)) return true;
    if (this.#asked.size >= ASKED_MAX) this.#asked.clear();
    this.#asked.add(id);
    return false;
  }

  #make(id: string, index: ValueIndex): ValueIndex {
    for (const oldest of this.#indexes.keys()) if (this.#indexes.size >= INDEXES_MAX) this.#indexes.delete(oldest);
    this.#entries.scan('', '', (_, entry) => {
      index.change(undefined, entry);
      return true;
    });
    this.#indexes.set(id, index);
    return index;
  }
}

const NONE = new SortedMap<Entry>();

class ValueIndex {
  readonly #of: ExactValue['of'];
  readonly #name: string;
  readonly #byValue = new Map<string, SortedMap<Entry>>();

  constructor(of: ExactValue['of'], name: string) {
    this.#of = of;
    this.#name = name;
  }

  get(value: string): SortedMap<Entry> {
    return this.#byValue.get(value) ?? NONE;
  }

  change(previous: Entry | undefined, next: Entry | undefined): void {
    const before = this.#valueOf(previous);
    const now = this.#valueOf(next);
    if (previous !== undefined && before !== undefined && before !== now) this.#remove(before, previous.key);
    if (next === undefined || now === undefined) return;
    let entries = this.#byValue.get(now);
    if (entries === undefined) {
      entries = new SortedMap();
      this.#byValue.set(now, entries);
    }
    entries.set(next.key, next);
  }

  #remove(value: string, key: string): void {
    const entries = this.#byValue.get(value);
    entries?.delete(key);
    if (entries?.size === 0) this.#byValue.delete(value);
  }

  /** Names come from users: what every object inherits is no string. */
  #valueOf(entry: Entry | undefined): string | undefined {
    const value: unknown = entry?.[this.#of][this.#name];
    return typeof value === 'string' ? value : undefined;
  }
}
