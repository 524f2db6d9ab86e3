/** What processes use, as the kernel counts it. Source: proc(5). */
import { readFileSync } from 'node:fs';
import type { TestCluster } from '../../test/support/cluster.ts';

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux machine

export type Part = 'server' | 'node' | 'containerd';

export function pidOf(cluster: TestCluster, part: Part): number {
  return Number(readFileSync(`/run/kapella/${cluster.name}/${part}.pid`, 'utf8').trim().split(/\s/)[0]);
}

export interface CpuTime {
  /** So far, with that of children that have ended, milliseconds. */
  readonly ms: number;
  /** Tells the process from any other, of another number or of the same one later. */
  readonly process: string;
}

/** Used between two looks at one process. Throws when these were two processes: their difference means nothing. */
export function cpuMsBetween(before: CpuTime, after: CpuTime): number {
  if (before.process !== after.process) {
    throw new Error(`process ${before.process} was replaced by ${after.process} while it was measured`);
  }
  return after.ms - before.ms;
}

export function cpuTime(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold blanks; utime is the 12th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
  return { ms: (ticks * 1000) / TICKS_PER_SECOND, process: `${pid} of ${fields[19]}` };
}

/** Resident memory, megabytes of 10^6 bytes. */
export function residentMb(pid: number): number {
  const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return (kib * 1024) / 1e6;
}
