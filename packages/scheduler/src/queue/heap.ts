/** A binary heap. What no longer counts is left in it and passed over when it comes up: `isLive` tells. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;
  readonly #isLive: (item: T) => boolean;

  constructor(compare: (a: T, b: T) => number, isLive: (item: T) => boolean) {
    this.#compare = compare;
    this.#isLive = isLive;
  }

  push(item: T): void {
    const items = this.#items;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#compare(item, items[parent] as T) >= 0) break;
      items[i] = items[parent] as T;
      i = parent;
    }
    items[i] = item;
  }

  /** The first that counts, left where it is. */
  peek(): T | undefined {
    while (this.#items.length > 0) {
      const first = this.#items[0] as T;
      if (this.#isLive(first)) return first;
      this.#removeFirst();
    }
    return undefined;
  }

  pop(): T | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const items = this.#items;
    const last = items.pop() as T;
    if (items.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#compare(items[child + 1] as T, items[child] as T) < 0) child++;
      if (this.#compare(items[child] as T, last) >= 0) break;
      items[i] = items[child] as T;
      i = child;
    }
    items[i] = last;
  }
}
