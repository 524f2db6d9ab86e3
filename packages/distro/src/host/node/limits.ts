/** Resource limits of this process. Source: proc(5), /proc/<pid>/limits. */
import { readFileSync } from 'node:fs';

const NOFILE_MAX = 1_048_576;

/** The hard limit of open files, at most a million; undefined when it cannot be read. */
export function getrlimitNofile(): number | undefined {
  const row = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  if (row === null) return undefined;
  return row[1] === 'unlimited' ? NOFILE_MAX : Math.min(Number(row[1]), NOFILE_MAX);
}
