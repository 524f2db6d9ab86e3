/** The store in memory: for tests, simulation and `--store memory`. Nothing survives the process but a snapshot taken of it. */
import type { Store } from '../../contract.ts';
import { createMvccStore } from '../../mvcc/mvcc-store.ts';
import { type ChangeRecord, headOf, type Persistence } from '../../mvcc/record.ts';

/** The newest value of every key. Immutable: any number of stores may begin from it. */
export interface MemorySnapshot {
  readonly revision: number;
  readonly records: readonly ChangeRecord[];
}

export interface MemoryStore extends Store {
  /** What is written now, without the past: watches that resume in a store made from it are told 410 Expired. */
  snapshot(): MemorySnapshot;
}

export function createMemoryStore(from?: MemorySnapshot): MemoryStore {
  const records = new Map<number, ChangeRecord>();
  const store = createMvccStore(createMemoryPersistence(records, from));
  return Object.assign(store, { snapshot: () => snapshotOf(records, from?.revision ?? 1) });
}

function createMemoryPersistence(records: Map<number, ChangeRecord>, from?: MemorySnapshot): Persistence {
  return {
    backend: 'memory',
    load(visit) {
      if (from === undefined) return { revision: 1, compacted: 0 };
      for (const record of from.records) {
        records.set(record.revision, record);
        visit(headOf(record));
      }
      return { revision: from.revision, compacted: from.revision };
    },
    async append(batch) {
      for (const record of batch) records.set(record.revision, record);
    },
    read: (revision) => records.get(revision),
    async remove(revisions) {
      for (const revision of revisions) records.delete(revision);
    },
    async close() {
      records.clear();
    },
  };
}

function snapshotOf(records: ReadonlyMap<number, ChangeRecord>, revisionMin: number): MemorySnapshot {
  const newest = new Map<string, ChangeRecord>();
  let revision = revisionMin;
  for (const record of records.values()) {
    if (record.revision > revision) revision = record.revision;
    const known = newest.get(record.key);
    if (known === undefined || known.revision < record.revision) newest.set(record.key, record);
  }
  const present = [...newest.values()].filter((record) => record.value !== undefined);
  return { revision, records: present.sort((a, b) => a.revision - b.revision) };
}
