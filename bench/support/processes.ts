/** What processes use, as the kernel counts it. Source: proc(5). */
import { readFileSync } from 'node:fs';
import type { TestCluster } from '../../test/support/cluster.ts';

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux machine

export type Part = 'server' | 'node' | 'containerd';

export function pidOf(cluster: TestCluster, part: Part): number {
  return Number(readFileSync(`/run/kapella/${cluster.name}/${part}.pid`, 'utf8').trim().split(/\s/)[0]);
}

/** Processor time so far, with that of children that have ended, milliseconds. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold blanks; utime is the 12th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ([11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) * 1000) / TICKS_PER_SECOND;
}

/** Resident memory, megabytes of 10^6 bytes. */
export function residentMb(pid: number): number {
  const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return (kib * 1024) / 1e6;
}
