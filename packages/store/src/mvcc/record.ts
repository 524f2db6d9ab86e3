/** What a backend keeps under each revision: one change of one key. */

export interface ChangeRecord {
  readonly revision: number;
  readonly key: string;
  /** Revision at which the key came to be; of a deletion, of the deleted key. */
  readonly createRevision: number;
  /** undefined: the change deleted the key. */
  readonly value: Uint8Array | undefined;
}

/** What is known of a record without its value. */
export interface RecordHead {
  readonly revision: number;
  readonly key: string;
  readonly createRevision: number;
  readonly isDeletion: boolean;
  readonly valueBytes: number;
}

export function headOf({ revision, key, createRevision, value }: ChangeRecord): RecordHead {
  return { revision, key, createRevision, isDeletion: value === undefined, valueBytes: value?.length ?? 0 };
}

/** What the embedded backends differ in. All methods may be called only after `load`. */
export interface Persistence {
  readonly backend: string;
  /** Every record in revision order without its value, then what the meta record says. */
  load(visit: (head: RecordHead) => void): { revision: number; compacted: number };
  /** Makes all records durable together, then resolves. On rejection none is kept. */
  append(records: readonly ChangeRecord[]): Promise<void>;
  /** The record of a revision that `load` visited or `append` took and `remove` did not. Synchronous: a mapped file. */
  read(revision: number): ChangeRecord | undefined;
  /** Drops records; `compacted` is remembered. */
  remove(revisions: readonly number[], compacted: number): Promise<void>;
  close(): Promise<void>;
}
