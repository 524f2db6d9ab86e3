/** Snapshots of stores: taken while a server runs, put back while none does. */
export { type LmdbSnapshot, lmdbUsers, openLmdbSnapshot, restoreLmdb } from '../../backends/lmdb/node/lmdb-snapshot.ts';
export {
  type SnapshotHeader,
  type SnapshotSummary,
  SnapshotError,
  snapshotItems,
  verifySnapshot,
  writeSnapshot,
} from './snapshot-file.ts';
export { clusterItems, replaceAll, unfinishedRestore } from './store-snapshot.ts';
