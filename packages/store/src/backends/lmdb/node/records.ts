/**
 * How the embedded store lies in LMDB: one record per revision under its number, and a record of the whole under 0. Under
 * the negative of a revision lies what is known of it without its value: a start reads these alone, which lie close together,
 * and touches no value.
 */
import { open, type RootDatabase, type Transaction } from 'lmdb';
import type { KeyValue } from '../../../contract.ts';
import { type ChangeRecord, headOf, type RecordHead } from '../../../mvcc/record.ts';

/** Format of the records; a file of another one is refused. 2: keys as upstream's. 3: heads beside the records. */
const FORMAT = 3;
const FORMAT_WITHOUT_HEADS = 2;
export const META_KEY = 0;
export const LMDB_FILE = 'store.lmdb';
const HEADER_BYTES = 12;
const HEAD_BYTES = 13;
const BATCH = 1_000;

export type LmdbDatabase = RootDatabase<Buffer, number>;

export function openLmdb(directory: string, { readOnly = false } = {}): LmdbDatabase {
  return open<Buffer, number>({
    path: `${directory}/${LMDB_FILE}`,
    encoding: 'binary',
    readOnly,
    // A commit is acknowledged only after its fsync.
    overlappingSync: false,
    // The whole file stays readable by mapping; LMDB grows the map itself.
    mapSize: 1 << 28,
    eventTurnBatching: false,
    commitDelay: 0,
  });
}

/** `key bytes:u32 | create revision:f64 | key | 0 = deleted, 1 = value | value`. */
export function encodeRecord(record: ChangeRecord): Buffer {
  const keyBytes = Buffer.byteLength(record.key);
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + keyBytes + 1 + (record.value?.length ?? 0));
  buffer.writeUInt32LE(keyBytes, 0);
  buffer.writeDoubleLE(record.createRevision, 4);
  buffer.write(record.key, HEADER_BYTES);
  buffer[HEADER_BYTES + keyBytes] = record.value === undefined ? 0 : 1;
  if (record.value !== undefined) buffer.set(record.value, HEADER_BYTES + keyBytes + 1);
  return buffer;
}

export function decodeRecord(revision: number, buffer: Buffer): ChangeRecord {
  const keyEnd = HEADER_BYTES + buffer.readUInt32LE(0);
  return {
    revision,
    key: buffer.toString('utf8', HEADER_BYTES, keyEnd),
    createRevision: buffer.readDoubleLE(4),
    value: buffer[keyEnd] === 0 ? undefined : buffer.subarray(keyEnd + 1),
  };
}

/** `create revision:f64 | value bytes:u32 | 0 = deleted, 1 = value | key`. */
export function encodeHead(head: RecordHead): Buffer {
  const buffer = Buffer.allocUnsafe(HEAD_BYTES + Buffer.byteLength(head.key));
  buffer.writeDoubleLE(head.createRevision, 0);
  buffer.writeUInt32LE(head.valueBytes, 8);
  buffer[12] = head.isDeletion ? 0 : 1;
  buffer.write(head.key, HEAD_BYTES);
  return buffer;
}

function decodeHead(revision: number, bytes: Buffer): RecordHead {
  return {
    revision,
    key: bytes.toString('utf8', HEAD_BYTES),
    createRevision: bytes.readDoubleLE(0),
    valueBytes: bytes.readUInt32LE(8),
    isDeletion: bytes[12] === 0,
  };
}

/** In the order of revisions. */
export function readHeads(database: LmdbDatabase, visit: (head: RecordHead) => void): void {
  for (const { key, value } of database.getRange({ start: -1, reverse: true })) {
    visit(decodeHead(-key, value));
  }
}

/** Puts a record and its head; within a batch. */
export function putRecord(database: LmdbDatabase, record: ChangeRecord): void {
  database.put(record.revision, encodeRecord(record));
  database.put(-record.revision, encodeHead(headOf(record)));
}

export function removeRecord(database: LmdbDatabase, revision: number): void {
  database.remove(revision);
  database.remove(-revision);
}

/** A store from before there were heads is given them, in one transaction. */
export function addHeads(database: LmdbDatabase, directory: string): void {
  const meta = database.get(META_KEY);
  if (meta === undefined || meta.readUInt32LE(0) !== FORMAT_WITHOUT_HEADS) return;
  const { revision, compacted } = readMeta(meta, directory);
  database.transactionSync(() => {
    for (const { key, value } of database.getRange({ start: 1 })) {
      database.putSync(-key, encodeHead(headOf(decodeRecord(key, value))));
    }
    database.putSync(META_KEY, writeMeta(revision, compacted));
  });
}

export function writeMeta(revision: number, compacted: number): Buffer {
  const buffer = Buffer.allocUnsafe(20);
  buffer.writeUInt32LE(FORMAT, 0);
  buffer.writeDoubleLE(revision, 4);
  buffer.writeDoubleLE(compacted, 12);
  return buffer;
}

export function readMeta(buffer: Buffer, directory: string): { revision: number; compacted: number } {
  const format = buffer.readUInt32LE(0);
  if (format !== FORMAT && format !== FORMAT_WITHOUT_HEADS) {
    throw new Error(
      `the store in ${directory} has format ${format}, this Kapella reads ${FORMAT}: use the version that wrote it`,
    );
  }
  return { revision: buffer.readDoubleLE(4), compacted: buffer.readDoubleLE(12) };
}

export interface LmdbState {
  readonly revision: number;
  /** The newest revision of each key; deleted ones are not in it. */
  readonly newest: ReadonlyMap<string, number>;
  read(revision: number): ChangeRecord | undefined;
}

/** What the store holds, as one transaction sees it. */
export function readState(database: LmdbDatabase, directory: string, transaction: Transaction): LmdbState {
  const options = { transaction };
  const meta = database.get(META_KEY, options);
  const revision = meta === undefined ? 1 : readMeta(meta, directory).revision;
  const newest = new Map<string, number>();
  for (const { key, value } of database.getRange({ start: 1, transaction })) {
    const record = decodeRecord(key, value);
    if (record.value === undefined) newest.delete(record.key);
    else newest.set(record.key, key);
  }
  const read = (at: number) => {
    const value = database.get(at, options);
    return value === undefined ? undefined : decodeRecord(at, value);
  };
  return { revision, newest, read };
}

/**
 * Fills an empty database. Its history begins at `revision`: nothing from before can be asked for. Keys that were written
 * together elsewhere are given revisions of their own, up from `spareFrom`.
 */
export async function writeAll(
  database: LmdbDatabase,
  items: Iterable<KeyValue>,
  revision: number,
  spareFrom: number,
): Promise<void> {
  let batch: KeyValue[] = [];
  const used = new Set<number>();
  let spare = spareFrom;
  const flush = async () => {
    const records = batch;
    batch = [];
    const done = await database.batch(() => {
      for (const { key, value, createRevision, modRevision } of records) {
        putRecord(database, { revision: modRevision, key, createRevision, value });
      }
    });
    if (!done) throw new Error('LMDB did not take the batch');
  };
  for (const item of items) {
    const modRevision = used.has(item.modRevision) ? spare++ : item.modRevision;
    used.add(modRevision);
    if (batch.push({ ...item, modRevision }) >= BATCH) await flush();
  }
  await flush();
  const done = await database.batch(() => {
    database.put(META_KEY, writeMeta(revision, revision));
  });
  if (!done) throw new Error('LMDB did not take the batch');
}
