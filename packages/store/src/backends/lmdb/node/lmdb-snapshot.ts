/** Snapshots of the embedded store: taken beside the server that writes to it, restored into the directory of a stopped one. */
import { existsSync, mkdirSync, readdirSync, readlinkSync, realpathSync, renameSync, rmSync } from 'node:fs';
import type { KeyValue } from '../../../contract.ts';
import { LMDB_FILE, openLmdb, readState, writeAll } from './records.ts';

/** Watches and lists from before a restore must end, so its revisions begin well behind any that clients may have seen. */
export const REVISION_GAP = 1_000_000;

export interface LmdbSnapshot {
  readonly revision: number;
  /** In key order, all true at `revision`. Values are read as they are asked for. */
  items(): Iterable<KeyValue>;
  close(): Promise<void>;
}

/** One read transaction: writers go on, and change nothing of what it sees. */
export function openLmdbSnapshot(directory: string): LmdbSnapshot {
  if (!existsSync(`${directory}/${LMDB_FILE}`)) throw new Error(`there is no store in ${directory}`);
  const database = openLmdb(directory, { readOnly: true });
  const transaction = database.useReadTransaction();
  const { revision, newest, read } = readState(database, directory, transaction);
  return {
    revision,
    *items() {
      for (const key of [...newest.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
        const modRevision = newest.get(key) as number;
        const record = read(modRevision);
        if (record?.value !== undefined)
          yield { key, value: record.value, createRevision: record.createRevision, modRevision };
      }
    },
    async close() {
      transaction.done();
      await database.close();
    },
  };
}

/**
 * The store in `directory` is then what `items` say. What was there before stays beside it, under the returned path.
 * Until the last step, which renames, nothing has changed.
 */
export async function restoreLmdb(
  directory: string,
  revision: number,
  items: Iterable<KeyValue>,
): Promise<{ readonly revision: number; readonly replaced: string | undefined }> {
  const fresh = `${directory}.restoring`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  const before = existsSync(`${directory}/${LMDB_FILE}`) ? await revisionOf(directory) : 0;
  const next = Math.max(revision, before) + REVISION_GAP;
  try {
    const database = openLmdb(fresh);
    await writeAll(database, items, next, next - REVISION_GAP + 1);
    await database.close();
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  if (!existsSync(directory)) {
    renameSync(fresh, directory);
    return { revision: next, replaced: undefined };
  }
  const replaced = freeName(`${directory}.before-restore`);
  renameSync(directory, replaced);
  renameSync(fresh, directory);
  return { revision: next, replaced };
}

/** Processes that have the store open, as far as this user may see. */
export function lmdbUsers(directory: string): readonly number[] {
  if (!existsSync(`${directory}/${LMDB_FILE}`)) return [];
  const file = realpathSync(`${directory}/${LMDB_FILE}`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => openFiles(pid).includes(file))
    .map(Number);
}

function openFiles(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // another user's, or it has just ended
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

async function revisionOf(directory: string): Promise<number> {
  const snapshot = openLmdbSnapshot(directory);
  await snapshot.close();
  return snapshot.revision;
}

function freeName(wanted: string): string {
  for (let i = 1; ; i++) {
    const name = i === 1 ? wanted : `${wanted}-${i}`;
    if (!existsSync(name)) return name;
  }
}
