/** A value that is read from the store when it is asked for: most are never asked for while a server starts. */
import type { KeyValue } from '../contract.ts';

export class LazyKeyValue implements KeyValue {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly valueBytes: number;
  readonly #read: (key: string, revision: number) => Uint8Array;

  constructor(
    read: (key: string, revision: number) => Uint8Array,
    key: string,
    createRevision: number,
    modRevision: number,
    valueBytes: number,
  ) {
    this.#read = read;
    this.key = key;
    this.createRevision = createRevision;
    this.modRevision = modRevision;
    this.valueBytes = valueBytes;
  }

  /** Read on each call. */
  get value(): Uint8Array {
    return this.#read(this.key, this.modRevision);
  }
}
