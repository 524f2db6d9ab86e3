/** The store backends by the name that `--store` takes. */
import type { Ctx } from '@kapella/base';
import type { Store } from '../../contract.ts';
import type { EtcdOptions } from '../etcd/options.ts';

export type { EtcdOptions } from '../etcd/options.ts';
export { parseEndpoint } from '../etcd/options.ts';

export interface StoreLocation {
  /** Where an embedded store keeps its files. */
  readonly directory: string;
  readonly etcd?: EtcdOptions;
}

export interface StoreBackend {
  readonly name: string;
  /** Throws Error, or ApiError, in words for the user. */
  open(location: StoreLocation, ctx: Ctx): Promise<Store>;
}

export const storeBackends: readonly StoreBackend[] = [
  {
    name: 'lmdb',
    open: async ({ directory }) => (await import('../lmdb/node/lmdb.backend.ts')).createLmdbStore(directory),
  },
  { name: 'memory', open: async () => (await import('../memory/memory.backend.ts')).createMemoryStore() },
  {
    name: 'etcd',
    async open({ etcd }, ctx) {
      if (etcd === undefined) throw new Error('no etcd endpoint is given');
      return (await import('../etcd/node/etcd.backend.ts')).openEtcdStore(etcd, ctx);
    },
  },
];
