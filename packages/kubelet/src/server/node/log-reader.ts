/**
 * Reads a container's log file to a client: from the tail, and on as it grows. Woken by the kernel when it grows now and
 * then; while it grows without a pause the kernel would do so for each line, and a look every few milliseconds costs less.
 */
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { type LogOptions, LogRenderer } from '../log-format.ts';

const CHUNK_BYTES = 64 << 10;
/** Of one read while there is much to read. */
const CHUNK_BYTES_MAX = 512 << 10;
/** Between two looks while the log grows; twice as long after each that found nothing. */
const LOOK_MS = 10;
/** After so many looks at nothing new the kernel is asked to tell. */
const QUIET_LOOKS = 5;
/** Looks whether the container still runs this often while nothing is written. */
const STILL_RUNNING_MS = 1_000;

export interface FollowState {
  /** Whether the container may still write. */
  isRunning(): Promise<boolean>;
}

/** Resolves when all was sent (not following), or the container has ended and its log is drained, or `signal` aborts. */
export async function sendLog(
  path: string,
  options: LogOptions,
  out: Writable,
  state: FollowState,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const renderer = new LogRenderer(options);
    const from = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines);
    const reader: Reader = { file, at: from, inode: (await file.stat()).ino, isReplaced: false, renderer };
    await drain(reader, out, signal);
    if (options.follow) await follow(reader, path, out, state, signal);
  } finally {
    await file.close();
  }
}

async function follow(
  first: Reader,
  path: string,
  out: Writable,
  state: FollowState,
  signal: AbortSignal,
): Promise<void> {
  let reader = first;
  const changes = watchFile(path, signal);
  try {
    while (!signal.aborted && !reader.renderer.full) {
      const isRunning = await state.isRunning();
      const next = await reopened(reader, path);
      if (next !== reader && reader !== first) await reader.file.close();
      reader = next;
      const moved = await drain(reader, out, signal);
      if (!isRunning && !moved && !reader.isReplaced) return;
      await changes.next(moved);
    }
  } finally {
    changes.close();
    if (reader !== first) await reader.file.close();
  }
}

interface Reader {
  readonly file: FileHandle;
  at: number;
  readonly inode: number;
  /** There is a newer file. */
  isReplaced: boolean;
  readonly renderer: LogRenderer;
}

/** Sends what the file holds beyond the reader's place. True when there was something. */
async function drain(reader: Reader, out: Writable, signal: AbortSignal): Promise<boolean> {
  let moved = false;
  let sizeBytes = CHUNK_BYTES;
  while (!signal.aborted && !reader.renderer.full) {
    const buffer = Buffer.allocUnsafeSlow(sizeBytes);
    const { bytesRead } = await reader.file.read(buffer, 0, sizeBytes, reader.at);
    if (bytesRead === 0) return moved;
    moved = true;
    reader.at += bytesRead;
    await send(out, reader.renderer.push(buffer.subarray(0, bytesRead)), signal);
    // The end for now: what is written in this moment is read with what follows it.
    if (bytesRead < sizeBytes) return moved;
    sizeBytes = Math.min(CHUNK_BYTES_MAX, sizeBytes * 2);
  }
  return moved;
}

function send(out: Writable, bytes: Uint8Array, signal: AbortSignal): Promise<void> | undefined {
  if (bytes.length === 0 || out.write(bytes)) return undefined;
  return new Promise((resolve) => {
    const done = () => {
      out.off('drain', done);
      out.off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    out.once('drain', done).once('close', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** After rotation the path names a new file: goes on at its start, one look after that was seen. */
async function reopened(reader: Reader, path: string): Promise<Reader> {
  const now = await stat(path).catch(() => undefined);
  if (now === undefined || now.ino === reader.inode) return reader;
  const { size } = await reader.file.stat();
  if (size > reader.at || !reader.isReplaced) {
    reader.isReplaced = true; // a line may be on its way into the old one
    return reader;
  }
  return { ...reader, file: await open(path, 'r'), at: 0, inode: now.ino, isReplaced: false };
}

/** Where the last `lines` lines begin. Reads backwards. */
async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  let at = (await file.stat()).size;
  if (lines === 0) return at;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let newlines = 0;
  while (at > 0) {
    const from = Math.max(0, at - CHUNK_BYTES);
    const { bytesRead } = await file.read(buffer, 0, at - from, from);
    for (let i = bytesRead - 1; i >= 0; i--) {
      if (buffer[i] !== 0x0a) continue;
      newlines++;
      if (newlines > lines) return from + i + 1;
    }
    at = from;
  }
  return 0;
}

/** Waits for changes of the file, of its directory (rotation), or for the time to ask whether the container runs. */
function watchFile(path: string, signal: AbortSignal) {
  let wake: () => void = () => {};
  let changed = false;
  let quietLooks = 0;
  let watcher: FSWatcher | undefined;
  const onChange = () => {
    changed = true;
    wake();
  };
  const openWatcher = () => {
    watcher = watch(dirname(path), (_event, name) => {
      if (name === null || name === basename(path)) onChange();
    });
    watcher.on('error', onChange);
  };
  const close = () => {
    watcher?.close();
    watcher = undefined;
  };
  signal.addEventListener('abort', onChange, { once: true });
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => wake(), ms);
      wake = () => {
        clearTimeout(timer);
        wake = () => {};
        resolve();
      };
      if (signal.aborted) wake();
    });
  return {
    /** `moved`: there was something new at the last look. */
    async next(moved: boolean): Promise<void> {
      quietLooks = moved ? 0 : quietLooks + 1;
      if (moved) close();
      if (quietLooks < QUIET_LOOKS) return await sleep(LOOK_MS * 2 ** quietLooks);
      if (watcher === undefined) {
        openWatcher();
        changed = false;
        return; // a last look: what came before is not told
      }
      if (!changed) await sleep(STILL_RUNNING_MS);
      changed = false;
    },
    close,
  };
}
