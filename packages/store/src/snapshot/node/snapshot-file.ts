/**
 * A snapshot of a store in one file: what it is, every key with its value and revisions, and a checksum over all of it.
 * `magic | header as one line of JSON | records | end marker | count:f64 | SHA-256`.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { KeyValue } from '../../contract.ts';

const MAGIC = Buffer.from('KAPELLA SNAPSHOT\n');
const FORMAT = 1;
const HEADER_BYTES_MAX = 64 << 10;
const RECORD_HEAD = 24;
const END = 0xffff_ffff;
const KEY_BYTES_MAX = 64 << 10;
const VALUE_BYTES_MAX = 256 << 20;
const CHUNK = 1 << 20;

export interface SnapshotHeader {
  readonly format: number;
  /** Of the store it was taken from. */
  readonly backend: string;
  /** The revision at which everything in it is true. */
  readonly revision: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly kubernetesVersion: string;
}

export interface SnapshotSummary extends SnapshotHeader {
  readonly keys: number;
  readonly sizeBytes: number;
  /** Hexadecimal SHA-256 of the content. */
  readonly checksum: string;
}

/** A file that cannot be used, and why. */
export class SnapshotError extends Error {}

/** Appears under `path` only when it is whole and on disk. Throws SnapshotError when something is there already. */
export async function writeSnapshot(
  path: string,
  header: Omit<SnapshotHeader, 'format'>,
  items: AsyncIterable<KeyValue> | Iterable<KeyValue>,
): Promise<SnapshotSummary> {
  const temporary = `${path}.part-${process.pid}`;
  if (exists(path)) throw new SnapshotError(`${path} is there already: a snapshot replaces nothing`);
  const file = openSync(temporary, 'wx', 0o600);
  try {
    const writer = new HashingWriter(file);
    const whole = { format: FORMAT, ...header };
    writer.write(MAGIC, Buffer.from(`${JSON.stringify(whole)}\n`));
    let keys = 0;
    for await (const item of items) {
      writer.write(recordHead(item), Buffer.from(item.key), item.value);
      keys++;
    }
    const end = Buffer.alloc(12);
    end.writeUInt32LE(END, 0);
    end.writeDoubleLE(keys, 4);
    writer.write(end);
    const checksum = writer.finish();
    fsyncSync(file);
    const { size } = fstatSync(file);
    renameSync(temporary, path);
    return { ...whole, keys, sizeBytes: size, checksum };
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Reads all of it. Throws SnapshotError for a file that is foreign, truncated, damaged, or of a newer format. */
export function verifySnapshot(path: string): SnapshotSummary {
  const reader = openReader(path);
  try {
    let keys = 0;
    while (reader.next() !== undefined) keys++;
    return { ...reader.header, keys, ...reader.finish(keys) };
  } finally {
    reader.close();
  }
}

/** Of a file that `verifySnapshot` has found whole. */
export function* snapshotItems(path: string): Generator<KeyValue> {
  const reader = openReader(path);
  try {
    for (let item = reader.next(); item !== undefined; item = reader.next()) yield item;
  } finally {
    reader.close();
  }
}

function exists(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** `key bytes:u32 | value bytes:u32 | create revision:f64 | revision:f64`. */
function recordHead({ key, value, createRevision, modRevision }: KeyValue): Buffer {
  const head = Buffer.alloc(RECORD_HEAD);
  head.writeUInt32LE(Buffer.byteLength(key), 0);
  head.writeUInt32LE(value.length, 4);
  head.writeDoubleLE(createRevision, 8);
  head.writeDoubleLE(modRevision, 16);
  return head;
}

class HashingWriter {
  readonly #file: number;
  readonly #hash = createHash('sha256');
  #pending: Uint8Array[] = [];
  #bytes = 0;

  constructor(file: number) {
    this.#file = file;
  }

  write(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#hash.update(part);
      this.#pending.push(part);
      this.#bytes += part.length;
    }
    if (this.#bytes >= CHUNK) this.#flush();
  }

  /** Writes the checksum, and returns it. */
  finish(): string {
    const digest = this.#hash.digest();
    this.#pending.push(digest);
    this.#flush();
    return digest.toString('hex');
  }

  #flush(): void {
    const chunk = Buffer.concat(this.#pending);
    for (let at = 0; at < chunk.length; ) at += writeSync(this.#file, chunk, at);
    this.#pending = [];
    this.#bytes = 0;
  }
}

function openReader(path: string): SnapshotReader {
  const file = openSync(path, 'r');
  try {
    return new SnapshotReader(file, path);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

class SnapshotReader {
  readonly header: SnapshotHeader;
  readonly #file: number;
  readonly #path: string;
  readonly #sizeBytes: number;
  readonly #hash: Hash = createHash('sha256');
  #buffer: Buffer = Buffer.alloc(0);
  /** Of the file, behind the buffer. */
  #at = 0;

  constructor(file: number, path: string) {
    this.#file = file;
    this.#path = path;
    this.#sizeBytes = fstatSync(file).size;
    const magic = this.#sizeBytes < MAGIC.length ? undefined : this.#take(MAGIC.length);
    if (magic?.equals(MAGIC) !== true) throw new SnapshotError(`${path} is no snapshot of Kapella's`);
    this.header = this.#readHeader();
  }

  /** undefined: there are no more. */
  next(): KeyValue | undefined {
    const keyBytes = this.#take(4).readUInt32LE(0);
    if (keyBytes === END) return undefined;
    const rest = this.#take(RECORD_HEAD - 4);
    const valueBytes = rest.readUInt32LE(0);
    if (keyBytes > KEY_BYTES_MAX || valueBytes > VALUE_BYTES_MAX)
      throw this.#damaged('a record has an impossible length');
    const key = this.#take(keyBytes).toString();
    const value = new Uint8Array(this.#take(valueBytes));
    return { key, value, createRevision: rest.readDoubleLE(4), modRevision: rest.readDoubleLE(12) };
  }

  finish(keys: number): { readonly sizeBytes: number; readonly checksum: string } {
    const count = this.#take(8).readDoubleLE(0);
    const digest = this.#hash.digest();
    const stored = this.#raw(32);
    if (!digest.equals(stored)) throw this.#damaged('its checksum does not match its content');
    if (count !== keys) throw this.#damaged(`it says it has ${count} keys and has ${keys}`);
    if (this.#at - this.#buffer.length !== this.#sizeBytes) throw this.#damaged('something follows its end');
    return { sizeBytes: this.#sizeBytes, checksum: digest.toString('hex') };
  }

  close(): void {
    closeSync(this.#file);
  }

  #readHeader(): SnapshotHeader {
    const bytes: number[] = [];
    for (let byte = this.#take(1)[0]; byte !== 10; byte = this.#take(1)[0]) {
      if (bytes.push(byte as number) > HEADER_BYTES_MAX) throw this.#damaged('its header has no end');
    }
    let header: SnapshotHeader;
    try {
      header = JSON.parse(Buffer.from(bytes).toString()) as SnapshotHeader;
    } catch (cause) {
      throw new SnapshotError(`${this.#path} is damaged: its header cannot be read`, { cause });
    }
    if (header.format !== FORMAT) {
      throw new SnapshotError(
        `${this.#path} has format ${header.format}, this Kapella reads ${FORMAT}: use the version that wrote it`,
      );
    }
    return header;
  }

  /** The next bytes, hashed. */
  #take(length: number): Buffer {
    const bytes = this.#raw(length);
    this.#hash.update(bytes);
    return bytes;
  }

  #raw(length: number): Buffer {
    while (this.#buffer.length < length) {
      const chunk = Buffer.allocUnsafe(Math.max(CHUNK, length - this.#buffer.length));
      const got = readSync(this.#file, chunk, 0, chunk.length, this.#at);
      if (got === 0)
        throw new SnapshotError(`${this.#path} is truncated: it ends after ${this.#sizeBytes} bytes, too soon`);
      this.#at += got;
      this.#buffer =
        this.#buffer.length === 0 ? chunk.subarray(0, got) : Buffer.concat([this.#buffer, chunk.subarray(0, got)]);
    }
    const bytes = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return bytes;
  }

  #damaged(why: string): SnapshotError {
    return new SnapshotError(`${this.#path} is damaged: ${why}`);
  }
}
