/** The store backends by the name that `--store` takes. `etcd` is a later row. */
import type { Store } from '../../contract.ts';

export interface StoreBackend {
  readonly name: string;
  /** `location`: the data directory, or what follows `etcd://`. */
  open(location: string): Promise<Store>;
}

export const storeBackends: readonly StoreBackend[] = [
  { name: 'lmdb', open: async (location) => (await import('../lmdb/node/lmdb.backend.ts')).createLmdbStore(location) },
  { name: 'memory', open: async () => (await import('../memory/memory.backend.ts')).createMemoryStore() },
];
