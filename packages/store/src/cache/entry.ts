/** One cached object: its bytes, the few decoded parts, and what was made of it on request. */
import type { CachedObject } from '../cached.ts';
import type { KeyValue } from '../contract.ts';
import { insertBytes, lineOf, withoutRevision } from './splice.ts';

const decoder = new TextDecoder();
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

const SLASH = 47;

type Strings = Readonly<Record<string, string>>;

interface Decoded {
  readonly metadata: { readonly labels?: Strings };
}

export interface EntryKind {
  readonly splice: (value: Uint8Array, revision: number) => Uint8Array;
  readonly selectableFields: Readonly<Record<string, (object: never) => string>> | undefined;
  readonly keepDecoded: boolean;
  readonly parse: (text: string) => unknown;
}

/** Read and decoded when it is first asked for, where the store still has it: most objects never are. */
export class Entry implements CachedObject {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly #kind: EntryKind;
  /** Where the value is to be read; undefined: `#bytes` are there. */
  #source: KeyValue | undefined;
  #bytes: Uint8Array | undefined;
  #labels: Strings | undefined;
  #fields: Strings | undefined;
  #decoded: unknown;
  #variants: Map<string, unknown> | undefined;

  private constructor(kind: EntryKind, key: string, revision: number, createRevision: number) {
    this.#kind = kind;
    this.key = key;
    this.revision = revision;
    this.createRevision = createRevision;
  }

  /** `decoded`: the object of `value`, where the writer gave it along. */
  static of(
    kind: EntryKind,
    key: string,
    value: Uint8Array,
    revision: number,
    createRevision: number,
    decoded?: unknown,
  ): Entry {
    const entry = new Entry(kind, key, revision, createRevision);
    entry.#bytes = kind.splice(value, revision);
    entry.#digest((decoded ?? kind.parse(decoder.decode(value))) as Decoded);
    return entry;
  }

  /** Of a value that the store reads on request; of any other, the same as `of`. */
  static reading(kind: EntryKind, key: string, source: KeyValue): Entry {
    const { modRevision, createRevision } = source;
    if (source.valueBytes === undefined || kind.keepDecoded) {
      return Entry.of(kind, key, source.value, modRevision, createRevision);
    }
    const entry = new Entry(kind, key, modRevision, createRevision);
    entry.#source = source;
    return entry;
  }

  get namespace(): string {
    const slash = this.key.indexOf('/');
    return slash < 0 ? '' : this.key.slice(0, slash);
  }

  isIn(namespace: string): boolean {
    const { key } = this;
    if (namespace === '') return !key.includes('/');
    return key.startsWith(namespace) && key.charCodeAt(namespace.length) === SLASH;
  }

  get name(): string {
    return this.key.slice(this.key.indexOf('/') + 1);
  }

  get bytes(): Uint8Array {
    return this.#bytes ?? this.load();
  }

  get line(): Uint8Array {
    return lineOf(this.bytes);
  }

  get sizeBytes(): number {
    return this.#bytes?.length ?? (this.#source?.valueBytes ?? 0) + insertBytes(this.revision);
  }

  get labels(): Strings {
    if (this.#labels === undefined) this.digest();
    return this.#labels as Strings;
  }

  get fields(): Strings {
    if (this.#fields === undefined) this.digest();
    return this.#fields as Strings;
  }

  object<T>(): T {
    return (this.#decoded ?? this.#kind.parse(decoder.decode(this.bytes))) as T;
  }

  variant<V>(name: string, make: (self: CachedObject) => V): V {
    this.#variants ??= new Map();
    const known = this.#variants.get(name);
    if (known !== undefined) return known as V;
    const made = make(this);
    this.#variants.set(name, made);
    return made;
  }

  get isDigested(): boolean {
    return this.#labels !== undefined;
  }

  /** What selectors look at is there after this; the bytes need not be. */
  digest(): void {
    if (this.#labels !== undefined) return;
    const bytes = this.#bytes ?? (this.#source as KeyValue).value;
    this.#digest(this.#kind.parse(decoder.decode(bytes)) as Decoded);
  }

  /** Reads the value now, for soon the store may have it no more. */
  load(): Uint8Array {
    if (this.#bytes === undefined) {
      this.#bytes = this.#kind.splice((this.#source as KeyValue).value, this.revision);
      this.#source = undefined;
    }
    return this.#bytes;
  }

  /** The same state at a later revision: what a watcher is shown when the object is gone or leaves its sight. */
  at(revision: number): Entry {
    // Made anew, which is rare: the value kept beside the bytes would be every object twice.
    const entry = new Entry(this.#kind, this.key, revision, this.createRevision);
    entry.#bytes = this.#kind.splice(withoutRevision(this.bytes, this.revision), revision);
    entry.#labels = this.#labels;
    entry.#fields = this.#fields;
    if (this.#decoded !== undefined) entry.#decoded = withRevision(this.#decoded as Decoded, revision);
    return entry;
  }

  #digest(decoded: Decoded): void {
    this.#labels = decoded.metadata.labels ?? NO_LABELS;
    this.#fields = fieldsOf(decoded, this.#kind.selectableFields);
    if (this.#kind.keepDecoded) this.#decoded = withRevision(decoded, this.revision);
  }
}

function fieldsOf(object: Decoded, selectable: EntryKind['selectableFields']): Strings {
  if (selectable === undefined) return NO_LABELS;
  const fields: Record<string, string> = Object.create(null);
  for (const name in selectable) fields[name] = (selectable[name] as (o: Decoded) => string)(object);
  return fields;
}

function withRevision(object: Decoded, revision: number): unknown {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
