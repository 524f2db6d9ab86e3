/** The embedded store on disk: LMDB, one record per revision, one fsync per batch of writers. */
import { mkdirSync } from 'node:fs';
import type { Store } from '../../../contract.ts';
import { createMvccStore } from '../../../mvcc/mvcc-store.ts';
import type { Persistence } from '../../../mvcc/record.ts';
import {
  addHeads,
  decodeRecord,
  META_KEY,
  openLmdb,
  putRecord,
  readHeads,
  readMeta,
  removeRecord,
  writeMeta,
} from './records.ts';

/** Opens or creates the store in `directory` (made with mode 0700). Throws when it is of a foreign format. */
export function createLmdbStore(directory: string): Store {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return createMvccStore(openPersistence(directory));
}

function openPersistence(directory: string): Persistence {
  const database = openLmdb(directory);
  let compacted = 0;
  return {
    backend: 'lmdb',
    load(visit) {
      addHeads(database, directory);
      const meta = database.get(META_KEY);
      let revision = 1;
      if (meta !== undefined) ({ revision, compacted } = readMeta(meta, directory));
      readHeads(database, visit);
      return { revision, compacted };
    },
    async append(records) {
      const last = records.at(-1);
      if (last === undefined) return;
      const done = database.batch(() => {
        for (const record of records) putRecord(database, record);
        database.put(META_KEY, writeMeta(last.revision, compacted));
      });
      if (!(await done)) throw new Error('LMDB did not take the batch');
    },
    read(revision) {
      const value = database.get(revision);
      return value === undefined ? undefined : decodeRecord(revision, value);
    },
    async remove(revisions, upTo) {
      compacted = upTo;
      await database.batch(() => {
        for (const revision of revisions) removeRecord(database, revision);
      });
    },
    close: () => database.close(),
  };
}
