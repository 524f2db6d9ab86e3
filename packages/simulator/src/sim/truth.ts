/** What is really there, as the disk has it: what checkers hold everything else against. */
import type { UnknownObject } from '@kapella/api';
import type { ChangeRecord } from '@kapella/store';

export interface Change {
  readonly revision: number;
  readonly key: string;
  /** Of the object before or after. */
  readonly kind: string;
  /** undefined: deleted. */
  readonly next: UnknownObject | undefined;
  /** undefined: created. */
  readonly old: UnknownObject | undefined;
}

export class Truth {
  readonly #objects = new Map<string, UnknownObject>();
  readonly #byKind = new Map<string, Map<string, UnknownObject>>();
  /** Revision of the newest change of each key, also of those that are gone. */
  readonly revisions = new Map<string, number>();
  /** By the revision of a change: that of the change before of the same key, 0 where there was none. */
  readonly before = new Map<number, number>();
  readonly #listeners: ((change: Change) => void)[] = [];
  readonly #decoder = new TextDecoder();

  onChange(listener: (change: Change) => void): void {
    this.#listeners.push(listener);
  }

  apply({ key, value, revision }: ChangeRecord): void {
    this.before.set(revision, this.revisions.get(key) ?? 0);
    this.revisions.set(key, revision);
    const old = this.#objects.get(key);
    const next = value === undefined ? undefined : this.#decode(value, revision);
    const kind = (next ?? old)?.kind ?? '';
    const bucket = this.#byKind.get(kind) ?? new Map<string, UnknownObject>();
    this.#byKind.set(kind, bucket);
    if (next === undefined) {
      this.#objects.delete(key);
      bucket.delete(key);
    } else {
      this.#objects.set(key, next);
      bucket.set(key, next);
    }
    for (const listener of this.#listeners) listener({ revision, key, kind, next, old });
  }

  /** All objects of a kind, in the order in which they came to be. */
  list(kind: string, namespace?: string): readonly UnknownObject[] {
    const all = [...(this.#byKind.get(kind)?.values() ?? [])];
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  all(): IterableIterator<UnknownObject> {
    return this.#objects.values();
  }

  #decode(value: Uint8Array, revision: number): UnknownObject {
    const object = JSON.parse(this.#decoder.decode(value)) as UnknownObject;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  }
}
