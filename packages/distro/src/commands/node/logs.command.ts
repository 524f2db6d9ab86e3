/** `kapella logs`: the last lines of the log files, and what comes. */
import { open, stat } from 'node:fs/promises';
import { type Ctx, sleep } from '@kapella/base';
import { type PartFiles, partFiles } from '../../cluster/node/parts.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';

const LINES = 50;
const POLL_MS = 200;
const CHUNK_BYTES = 64 * 1024;

export async function logs({ given, flags, args, program }: CommandInput, ctx: Ctx): Promise<number> {
  const { options } = await findCluster(given);
  const [only] = args;
  // `node`: of every node.
  const isWanted = ({ name }: PartFiles) => only === undefined || name === only || name.startsWith(`${only}-`);
  const parts = partFiles(options).filter(isWanted);
  const lines = Number(flags.get('--lines') ?? LINES);
  const width = Math.max(...parts.map(({ name }) => name.length));
  const follows: Promise<void>[] = [];
  for (const { name, logFile } of parts) {
    const show = (line: string) =>
      program.write(parts.length === 1 ? `${line}\n` : `${name.padEnd(width)} | ${line}\n`);
    const endBytes = await showLast(logFile, lines, show);
    if (flags.get('--follow') !== undefined) follows.push(follow(logFile, endBytes, show, ctx));
  }
  await Promise.all(follows);
  return 0;
}

/** Reads from the end, so that a large file costs nothing. Returns the size up to which it was shown. */
export async function showLast(path: string, count: number, show: (line: string) => void): Promise<number> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return 0;
  try {
    const { size } = await file.stat();
    const chunks: Buffer[] = [];
    let newlines = 0;
    let at = size;
    while (at > 0 && newlines <= count) {
      const length = Math.min(CHUNK_BYTES, at);
      at -= length;
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, at);
      chunks.unshift(buffer);
      for (const byte of buffer) if (byte === 10) newlines++;
    }
    const lines = Buffer.concat(chunks).toString().split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const line of count === 0 ? [] : lines.slice(-count)) show(line);
    return size;
  } finally {
    await file.close();
  }
}

/** Until ctx aborts. A file that became shorter is read anew from its start. */
async function follow(path: string, from: number, show: (line: string) => void, ctx: Ctx): Promise<void> {
  let at = from;
  let rest = '';
  for (;;) {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size < at) at = 0;
    if (size > at) {
      const file = await open(path);
      try {
        const { buffer } = await file.read(Buffer.alloc(size - at), 0, size - at, at);
        const lines = (rest + buffer.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) show(line);
      } finally {
        await file.close();
      }
      at = size;
    }
    await sleep(POLL_MS, ctx);
  }
}
