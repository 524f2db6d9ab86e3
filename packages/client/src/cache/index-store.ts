/** Objects by key with indexes. Source: client-go/tools/cache/thread_safe_store.go. */
import { type KubeObject, keyOf } from '@kapella/api';

type ValuesOf<T> = (object: T) => readonly string[];

interface Index<T> {
  readonly valuesOf: ValuesOf<T>;
  readonly buckets: Map<string, Map<string, T>>;
  /** Answers as given out, until their bucket changes. */
  readonly answers: Map<string, readonly T[]>;
}

const NONE: readonly never[] = Object.freeze([]);

/** Answers are shared and stay as they were when the store changes. */
export class IndexStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  #all: readonly T[] | undefined;

  constructor() {
    this.addIndex('namespace', (object) => [object.metadata.namespace ?? '']);
    this.addIndex('owner', (object) => object.metadata.ownerReferences?.map((owner) => owner.uid) ?? NONE);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  all(): readonly T[] {
    this.#all ??= [...this.#objects.values()];
    return this.#all;
  }

  by(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`no index ${JSON.stringify(name)}`);
    let answer = index.answers.get(value);
    if (answer === undefined) {
      const bucket = index.buckets.get(value);
      if (bucket === undefined) return NONE;
      answer = [...bucket.values()];
      index.answers.set(value, answer);
    }
    return answer;
  }

  addIndex(name: string, valuesOf: ValuesOf<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, buckets: new Map(), answers: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) fileUnder(index, key, object);
  }

  /** Answers the object that was there. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#all = undefined;
    for (const index of this.#indexes.values()) {
      if (old !== undefined) takeOut(index, key, old);
      fileUnder(index, key, object);
    }
    return old;
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    this.#all = undefined;
    for (const index of this.#indexes.values()) takeOut(index, key, old);
    return old;
  }
}

function fileUnder<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    let bucket = index.buckets.get(value);
    if (bucket === undefined) {
      bucket = new Map();
      index.buckets.set(value, bucket);
    }
    bucket.set(key, object);
    index.answers.delete(value);
  }
}

function takeOut<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const bucket = index.buckets.get(value);
    if (bucket === undefined) continue;
    bucket.delete(key);
    if (bucket.size === 0) index.buckets.delete(value);
    index.answers.delete(value);
  }
}
