/** A log file that is put aside when it is full, by the names and rules of natefinch/lumberjack, which upstream uses. */
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Ctx } from '@kapella/base';
import { describeError } from '@kapella/base';
import type { AuditFile } from '../audit/backend.ts';

export interface RotationOptions {
  /** A full file is put aside; 0: 100 MB. */
  readonly bytesMax: number;
  /** Older ones go; 0: they stay. */
  readonly ageMsMax: number;
  /** More than so many put aside go; 0: all stay. */
  readonly backupsMax: number;
  readonly compress: boolean;
}

const BYTES_DEFAULT = 100 << 20;
const DAY_MS = 86_400_000;
export const MEGABYTE = 1 << 20;
export const daysToMs = (days: number): number => days * DAY_MS;

/** To the standard output: upstream's path `-`. */
export function standardOutputFile(): AuditFile {
  return {
    write: (text) =>
      new Promise((resolve, reject) => void process.stdout.write(text, (e) => (e ? reject(e) : resolve()))),
    close: async () => {},
  };
}

/** Rejects when the file cannot be opened. Text of one turn of the event loop is written at once. */
export async function openRotatingFile(path: string, options: RotationOptions, ctx: Ctx): Promise<AuditFile> {
  const file = new RotatingFile(path, options, ctx);
  await file.open();
  return file;
}

class RotatingFile implements AuditFile {
  readonly #path: string;
  readonly #options: RotationOptions;
  readonly #ctx: Ctx;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #waiting: string[] = [];
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #tidying: Promise<void> = Promise.resolve();

  constructor(path: string, options: RotationOptions, ctx: Ctx) {
    this.#path = path;
    this.#options = options;
    this.#ctx = ctx;
  }

  async open(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o755 });
    this.#handle = await open(this.#path, 'a', 0o600);
    this.#bytes = (await this.#handle.stat()).size;
    this.#tidyLater();
  }

  write(text: string): Promise<void> {
    this.#waiting.push(text);
    if (this.#writing === undefined) {
      this.#writing = this.#flush().finally(() => {
        this.#writing = undefined;
      });
      return this.#writing;
    }
    // All that comes while one write is under way goes out with the next one.
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#flush().finally(() => {
          this.#writing = undefined;
        });
        return this.#writing;
      });
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
    await this.#tidying;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #flush(): Promise<void> {
    await Promise.resolve(); // what this turn still writes comes along
    const text = this.#waiting.join('');
    this.#waiting = [];
    if (text === '') return;
    const bytes = Buffer.from(text);
    const max = this.#options.bytesMax > 0 ? this.#options.bytesMax : BYTES_DEFAULT;
    if (this.#bytes > 0 && this.#bytes + bytes.length > max) await this.#rotate();
    if (this.#handle === undefined) throw new Error(`${this.#path} is closed`);
    await this.#handle.appendFile(bytes);
    this.#bytes += bytes.length;
  }

  async #rotate(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    const at = new Date(this.#ctx.clock.nowMs()).toISOString().slice(0, 23).replaceAll(':', '-');
    const { stem, extension } = namesOf(this.#path);
    await rename(this.#path, join(dirname(this.#path), `${stem}-${at}${extension}`));
    await this.open();
  }

  #tidyLater(): void {
    this.#tidying = this.#tidying.then(() =>
      this.#tidy().catch((error) => {
        this.#ctx.log.warn('old audit logs not tidied', { path: this.#path, error: describeError(error) });
      }),
    );
  }

  /** Old files go, the others are compressed where that is asked for. */
  async #tidy(): Promise<void> {
    const { ageMsMax, backupsMax, compress } = this.#options;
    const directory = dirname(this.#path);
    const backups = (await readdir(directory)).flatMap((name) => backupOf(this.#path, name) ?? []);
    backups.sort((a, b) => b.atMs - a.atMs);
    const oldest = ageMsMax > 0 ? this.#ctx.clock.nowMs() - ageMsMax : Number.NEGATIVE_INFINITY;
    const isOver = (index: number) => backupsMax > 0 && index >= backupsMax;
    await Promise.all(
      backups.map(async ({ name, atMs }, index) => {
        const path = join(directory, name);
        if (isOver(index) || atMs < oldest) await rm(path, { force: true });
        else if (compress && !name.endsWith('.gz')) await compressFile(path);
      }),
    );
  }
}

async function compressFile(path: string): Promise<void> {
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.gz`, { mode: 0o600 }));
  await chmod(`${path}.gz`, 0o600);
  await rm(path);
}

function namesOf(path: string): { readonly stem: string; readonly extension: string } {
  const extension = extname(path);
  return { stem: basename(path, extension), extension };
}

/** `audit-2026-01-02T03-04-05.678.log`, perhaps with `.gz`. */
function backupOf(path: string, name: string): { readonly name: string; readonly atMs: number } | undefined {
  const { stem, extension } = namesOf(path);
  const bare = name.endsWith('.gz') ? name.slice(0, -3) : name;
  if (!bare.startsWith(`${stem}-`) || !bare.endsWith(extension)) return undefined;
  const time = bare.slice(stem.length + 1, bare.length - extension.length);
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(time);
  if (match === null) return undefined;
  const atMs = Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}Z`);
  return Number.isNaN(atMs) ? undefined : { name, atMs };
}
