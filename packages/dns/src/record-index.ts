/** Records by name, changed one Service at a time; a look-up touches nothing but its name. */
import type { DnsRecord } from './message.ts';

interface Owned {
  readonly owner: string;
  readonly record: DnsRecord;
}

export class RecordIndex {
  readonly #byName = new Map<string, readonly Owned[]>();
  readonly #byOwner = new Map<string, readonly DnsRecord[]>();
  /** How many records lie at or below a name: it exists while there is one, even with no record of its own. */
  readonly #below = new Map<string, number>();
  readonly #namespaces = new Set<string>();

  /** Puts these in the place of all that `owner` gave before. */
  replace(owner: string, records: readonly DnsRecord[]): void {
    for (const record of this.#byOwner.get(owner) ?? []) this.#remove(owner, record.name);
    for (const record of records) {
      this.#byName.set(record.name, [...(this.#byName.get(record.name) ?? []), { owner, record }]);
      this.#count(record.name, 1);
    }
    if (records.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, records);
  }

  #remove(owner: string, name: string): void {
    const held = this.#byName.get(name);
    if (held === undefined) return;
    const rest = held.filter((o) => o.owner !== owner);
    this.#count(name, rest.length - held.length);
    if (rest.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, rest);
  }

  #count(name: string, by: number): void {
    for (let at = 0; at >= 0; ) {
      const suffix = name.slice(at);
      const count = (this.#below.get(suffix) ?? 0) + by;
      if (count === 0) this.#below.delete(suffix);
      else this.#below.set(suffix, count);
      const dot = name.indexOf('.', at);
      at = dot < 0 ? -1 : dot + 1;
    }
  }

  setNamespace(name: string, isThere: boolean): void {
    if (isThere) this.#namespaces.add(name);
    else this.#namespaces.delete(name);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  at(name: string): readonly DnsRecord[] {
    return this.#byName.get(name)?.map((o) => o.record) ?? [];
  }

  /** Whether the name has a record or lies above one that does. */
  exists(name: string): boolean {
    return this.#below.has(name);
  }

  get nameCount(): number {
    return this.#byName.size;
  }
}
