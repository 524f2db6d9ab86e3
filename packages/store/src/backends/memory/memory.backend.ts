/** The store in memory: for tests, simulation and `--store memory`. Nothing survives the process. */
import type { Store } from '../../contract.ts';
import { createMvccStore } from '../../mvcc/mvcc-store.ts';
import type { ChangeRecord, Persistence } from '../../mvcc/record.ts';

export function createMemoryStore(): Store {
  return createMvccStore(createMemoryPersistence());
}

function createMemoryPersistence(): Persistence {
  const records = new Map<number, ChangeRecord>();
  return {
    backend: 'memory',
    load: () => ({ revision: 1, compacted: 0 }),
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
