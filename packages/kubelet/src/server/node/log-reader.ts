/** Reads a container's log file to a client: from the tail, and on as it grows, woken by the kernel and not by polling. */
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { LineSplitter, type LogOptions, LogWriter, parseLogLine } from '../log-format.ts';

const CHUNK_BYTES = 64 << 10;
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
    const writer = new LogWriter(options);
    const from = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines);
    let reader: Reader = { file, at: from, splitter: new LineSplitter(), inode: (await file.stat()).ino };
    await drain(reader, writer, out, signal);
    if (!options.follow) return;
    const changes = watchFile(path, signal);
    try {
      while (!signal.aborted && !writer.full) {
        const running = await state.isRunning();
        reader = await reopened(reader, path);
        const moved = await drain(reader, writer, out, signal);
        if (!running && !moved) return;
        if (!moved) await changes.next();
      }
    } finally {
      changes.close();
      if (reader.file !== file) await reader.file.close();
    }
  } finally {
    await file.close();
  }
}

interface Reader {
  readonly file: FileHandle;
  at: number;
  readonly splitter: LineSplitter;
  readonly inode: number;
}

/** Sends what the file holds beyond the reader's place. True when there was something. */
async function drain(reader: Reader, writer: LogWriter, out: Writable, signal: AbortSignal): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let moved = false;
  while (!signal.aborted && !writer.full) {
    const { bytesRead } = await reader.file.read(buffer, 0, CHUNK_BYTES, reader.at);
    if (bytesRead === 0) return moved;
    moved = true;
    reader.at += bytesRead;
    const rendered: Uint8Array[] = [];
    for (const line of reader.splitter.push(Uint8Array.prototype.slice.call(buffer, 0, bytesRead))) {
      const piece = parseLogLine(line);
      if (piece !== undefined) rendered.push(writer.render(piece));
    }
    await send(out, Buffer.concat(rendered), signal);
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

/** After rotation the path names a new file: goes on at its start. */
async function reopened(reader: Reader, path: string): Promise<Reader> {
  const now = await stat(path).catch(() => undefined);
  if (now === undefined || now.ino === reader.inode) return reader;
  const { size } = await reader.file.stat();
  if (size > reader.at) return reader; // the old one is not drained yet
  return { file: await open(path, 'r'), at: 0, splitter: new LineSplitter(), inode: now.ino };
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
function watchFile(path: string, signal: AbortSignal): { next(): Promise<void>; close(): void } {
  let wake: () => void = () => {};
  let changed = false;
  const onChange = () => {
    changed = true;
    wake();
  };
  const watcher: FSWatcher = watch(dirname(path), (_event, name) => {
    if (name === null || name === basename(path)) onChange();
  });
  watcher.on('error', onChange);
  signal.addEventListener('abort', onChange, { once: true });
  return {
    next() {
      if (changed) {
        changed = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => wake(), STILL_RUNNING_MS);
        wake = () => {
          clearTimeout(timer);
          wake = () => {};
          changed = false;
          resolve();
        };
      });
    },
    close: () => watcher.close(),
  };
}
