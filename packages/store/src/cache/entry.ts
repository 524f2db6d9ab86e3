/** One cached object: its bytes, the few decoded parts, and what was made of it on request. */
import type { CachedObject } from '../cached.ts';
import { withoutRevision } from './splice.ts';

const decoder = new TextDecoder();
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

interface Decoded {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
}

export interface EntryKind {
  readonly splice: (value: Uint8Array, revision: number) => Uint8Array;
  readonly selectableFields: Readonly<Record<string, (object: never) => string>> | undefined;
  readonly keepDecoded: boolean;
}

export class Entry implements CachedObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly bytes: Uint8Array;
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly #kind: EntryKind;
  readonly #decoded: unknown;
  #variants: Map<string, unknown> | undefined;

  constructor(
    kind: EntryKind,
    key: string,
    value: Uint8Array,
    revision: number,
    createRevision: number,
    given?: unknown,
  ) {
    const slash = key.indexOf('/');
    this.#kind = kind;
    this.key = key;
    this.namespace = slash < 0 ? '' : key.slice(0, slash);
    this.name = slash < 0 ? key : key.slice(slash + 1);
    this.revision = revision;
    this.createRevision = createRevision;
    this.bytes = kind.splice(value, revision);
    const decoded = (given ?? JSON.parse(decoder.decode(value))) as Decoded;
    this.labels = decoded.metadata.labels ?? NO_LABELS;
    this.fields = fieldsOf(decoded, kind.selectableFields);
    this.#decoded = kind.keepDecoded ? withRevision(decoded, revision) : undefined;
  }

  object<T>(): T {
    return (this.#decoded ?? JSON.parse(decoder.decode(this.bytes))) as T;
  }

  variant<V>(name: string, make: (self: CachedObject) => V): V {
    this.#variants ??= new Map();
    const known = this.#variants.get(name);
    if (known !== undefined) return known as V;
    const made = make(this);
    this.#variants.set(name, made);
    return made;
  }

  /** The same state at a later revision: what a watcher is shown when the object leaves its sight. */
  at(revision: number): Entry {
    // Made anew, which is rare: the value kept beside the bytes would be every object twice.
    const value = withoutRevision(this.bytes, this.revision);
    return new Entry(this.#kind, this.key, value, revision, this.createRevision, undefined);
  }
}

function fieldsOf(object: Decoded, selectable: EntryKind['selectableFields']): Readonly<Record<string, string>> {
  if (selectable === undefined) return NO_LABELS;
  const fields: Record<string, string> = Object.create(null);
  for (const name in selectable) fields[name] = (selectable[name] as (o: Decoded) => string)(object);
  return fields;
}

function withRevision(object: Decoded, revision: number): unknown {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
