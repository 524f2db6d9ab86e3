/** Reads /proc/<pid>/stat: enough to tell a process from a later one with the same number. Source: proc(5). */

export interface ProcessStat {
  readonly state: string;
  readonly parentPid: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
}

/** The name field may itself hold spaces and brackets; the last `)` ends it. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parentPid] = fields;
  const startTime = fields[19];
  if (state === undefined || parentPid === undefined || startTime === undefined) return undefined;
  return { state, parentPid: Number(parentPid), startTime };
}

/** What a pid file holds: `<pid> <start time>`. */
export interface PidRecord {
  readonly pid: number;
  readonly startTime: string;
}

export function parsePidRecord(text: string | undefined): PidRecord | undefined {
  const match = /^(\d+) (\d+)\s*$/.exec(text ?? '');
  return match === null ? undefined : { pid: Number(match[1]), startTime: match[2] as string };
}

export const formatPidRecord = ({ pid, startTime }: PidRecord): string => `${pid} ${startTime}\n`;
