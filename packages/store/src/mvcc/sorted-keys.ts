/** An ordered map from string keys in chunks: inserting stays cheap with 100,000 keys, ranges are scans of arrays. */

const CHUNK_MAX = 512;

interface Chunk<V> {
  readonly keys: string[];
  readonly values: V[];
}

/** Keys in UTF-16 order, which for the ASCII keys of a registry is byte order. */
export class SortedMap<V> {
  #chunks: Chunk<V>[] = [{ keys: [], values: [] }];
  readonly #byKey = new Map<string, V>();

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): V | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#byKey.has(key)) {
      this.add(key, value);
      return;
    }
    this.#byKey.set(key, value);
    const chunk = this.#chunks[this.#chunkOf(key)] as Chunk<V>;
    chunk.values[lowerBound(chunk.keys, key)] = value;
  }

  /** A key that is not there yet. */
  add(key: string, value: V): void {
    this.#byKey.set(key, value);
    const chunkIndex = this.#chunkOf(key);
    const chunk = this.#chunks[chunkIndex] as Chunk<V>;
    const last = chunk.keys[chunk.keys.length - 1];
    const at = last === undefined || last < key ? chunk.keys.length : lowerBound(chunk.keys, key);
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    if (chunk.keys.length > CHUNK_MAX) this.#split(chunkIndex);
  }

  delete(key: string): boolean {
    if (!this.#byKey.delete(key)) return false;
    const chunkIndex = this.#chunkOf(key);
    const chunk = this.#chunks[chunkIndex] as Chunk<V>;
    const at = lowerBound(chunk.keys, key);
    chunk.keys.splice(at, 1);
    chunk.values.splice(at, 1);
    if (chunk.keys.length === 0 && this.#chunks.length > 1) this.#chunks.splice(chunkIndex, 1);
    return true;
  }

  clear(): void {
    this.#byKey.clear();
    this.#chunks = [{ keys: [], values: [] }];
  }

  /** Calls `visit` for each key >= `from` that starts with `prefix`, in order, until it returns false. */
  scan(prefix: string, from: string, visit: (key: string, value: V) => boolean | undefined): void {
    const start = from > prefix ? from : prefix;
    let chunkIndex = this.#chunkOf(start);
    let at = lowerBound((this.#chunks[chunkIndex] as Chunk<V>).keys, start);
    for (; chunkIndex < this.#chunks.length; chunkIndex++, at = 0) {
      const { keys, values } = this.#chunks[chunkIndex] as Chunk<V>;
      for (; at < keys.length; at++) {
        const key = keys[at] as string;
        if (!key.startsWith(prefix)) return;
        if (visit(key, values[at] as V) === false) return;
      }
    }
  }

  /** The last chunk whose first key is <= `key`, else the first chunk. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const first = (this.#chunks[middle] as Chunk<V>).keys[0];
      if (first !== undefined && first <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #split(index: number): void {
    const chunk = this.#chunks[index] as Chunk<V>;
    const half = chunk.keys.length >> 1;
    this.#chunks.splice(index + 1, 0, { keys: chunk.keys.splice(half), values: chunk.values.splice(half) });
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
