/** The embedded store on disk: LMDB, one record per revision, one fsync per batch of writers. */
import { mkdirSync } from 'node:fs';
import { open } from 'lmdb';
import type { Store } from '../../../contract.ts';
import { createMvccStore } from '../../../mvcc/mvcc-store.ts';
import type { ChangeRecord, Persistence } from '../../../mvcc/record.ts';

/** Format of the records; a file of another one is refused. 2: keys as upstream's. */
const FORMAT = 2;
const META_KEY = 0;
const HEADER_BYTES = 12;

/** Opens or creates the store in `directory` (made with mode 0700). Throws when it is of a foreign format. */
export function createLmdbStore(directory: string): Store {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return createMvccStore(openPersistence(directory));
}

function openPersistence(directory: string): Persistence {
  const database = open<Buffer, number>({
    path: `${directory}/store.lmdb`,
    encoding: 'binary',
    // A commit is acknowledged only after its fsync.
    overlappingSync: false,
    // The whole file stays readable by mapping; LMDB grows the map itself.
    mapSize: 1 << 28,
    eventTurnBatching: false,
    commitDelay: 0,
  });
  let compacted = 0;
  return {
    backend: 'lmdb',
    load(visit) {
      const meta = database.get(META_KEY);
      let revision = 1;
      if (meta !== undefined) ({ revision, compacted } = readMeta(meta, directory));
      for (const { key, value } of database.getRange({ start: 1 })) visit(decodeRecord(key, value));
      return { revision, compacted };
    },
    async append(records) {
      const last = records.at(-1);
      if (last === undefined) return;
      const done = database.batch(() => {
        for (const record of records) database.put(record.revision, encodeRecord(record));
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
        for (const revision of revisions) database.remove(revision);
      });
    },
    close: () => database.close(),
  };
}

/** `key bytes:u32 | create revision:f64 | key | 0 = deleted, 1 = value | value`. */
function encodeRecord(record: ChangeRecord): Buffer {
  const keyBytes = Buffer.byteLength(record.key);
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + keyBytes + 1 + (record.value?.length ?? 0));
  buffer.writeUInt32LE(keyBytes, 0);
  buffer.writeDoubleLE(record.createRevision, 4);
  buffer.write(record.key, HEADER_BYTES);
  buffer[HEADER_BYTES + keyBytes] = record.value === undefined ? 0 : 1;
  if (record.value !== undefined) buffer.set(record.value, HEADER_BYTES + keyBytes + 1);
  return buffer;
}

function decodeRecord(revision: number, buffer: Buffer): ChangeRecord {
  const keyEnd = HEADER_BYTES + buffer.readUInt32LE(0);
  return {
    revision,
    key: buffer.toString('utf8', HEADER_BYTES, keyEnd),
    createRevision: buffer.readDoubleLE(4),
    value: buffer[keyEnd] === 0 ? undefined : Uint8Array.prototype.slice.call(buffer, keyEnd + 1),
  };
}

function writeMeta(revision: number, compacted: number): Buffer {
  const buffer = Buffer.allocUnsafe(20);
  buffer.writeUInt32LE(FORMAT, 0);
  buffer.writeDoubleLE(revision, 4);
  buffer.writeDoubleLE(compacted, 12);
  return buffer;
}

function readMeta(buffer: Buffer, directory: string): { revision: number; compacted: number } {
  const format = buffer.readUInt32LE(0);
  if (format !== FORMAT) {
    throw new Error(
      `the store in ${directory} has format ${format}, this Kapella reads ${FORMAT}: use the version that wrote it`,
    );
  }
  return { revision: buffer.readDoubleLE(4), compacted: buffer.readDoubleLE(12) };
}
