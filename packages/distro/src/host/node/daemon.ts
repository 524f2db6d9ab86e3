/** Background processes: started in a session of their own, found again by pid file, ended with patience. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Ctx, sleep } from '@kapella/base';
import {
  formatPidRecord,
  type PidRecord,
  parsePidRecord,
  parseProcessStat,
  type ProcessStat,
} from '../process-stat.ts';
import { HostError } from '../step.ts';
import { readText, writeFileAtomic } from './files.ts';
import { hostEnv } from './run.ts';

const POLL_MS = 10;

export interface DaemonSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly pidFile: string;
  /** Appended to. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts `spec` detached, with its output in the log file, and writes its pid file. Does not wait for readiness. */
export async function startDaemon(spec: DaemonSpec): Promise<number> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a', 0o640);
  let pid: number | undefined;
  try {
    const child = spawn(spec.command, spec.args, {
      detached: true, // own session: a signal to our terminal's group does not reach it
      stdio: ['ignore', log, log],
      env: hostEnv(spec.env),
      cwd: spec.cwd ?? '/',
    });
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    await Promise.race([new Promise((resolve) => child.once('spawn', resolve)), failed]);
    pid = child.pid;
    child.unref();
  } catch (cause) {
    throw new HostError('RuntimeFailed', `${spec.command} could not be started`, `Look into ${spec.logFile}`, cause);
  } finally {
    closeSync(log);
  }
  const stat = pid === undefined ? undefined : await processStat(pid);
  if (pid === undefined || stat === undefined) {
    throw new HostError('RuntimeFailed', `${spec.command} ended at once`, `Look into ${spec.logFile}`);
  }
  await writeFileAtomic(spec.pidFile, formatPidRecord({ pid, startTime: stat.startTime }));
  return pid;
}

/** Undefined when there is no such process; a zombie counts as none. */
export async function processStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readText(`/proc/${pid}/stat`);
  const stat = text === undefined ? undefined : parseProcessStat(text);
  return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat;
}

async function isAlive({ pid, startTime }: PidRecord): Promise<boolean> {
  return (await processStat(pid))?.startTime === startTime;
}

/** The pid of the running process of this pid file; a number that another process took over does not count. */
export async function daemonPid(pidFile: string): Promise<number | undefined> {
  const record = parsePidRecord(await readText(pidFile));
  return record !== undefined && (await isAlive(record)) ? record.pid : undefined;
}

/** SIGTERM, then SIGKILL after `graceMs`. Removes the pid file. True when a process was ended. */
export async function stopDaemon(pidFile: string, graceMs: number, ctx: Ctx): Promise<boolean> {
  const record = parsePidRecord(await readText(pidFile));
  if (record === undefined || !(await isAlive(record))) {
    await rm(pidFile, { force: true });
    return false;
  }
  await endProcess(record, graceMs, ctx);
  await rm(pidFile, { force: true });
  return true;
}

async function endProcess(record: PidRecord, graceMs: number, ctx: Ctx): Promise<void> {
  signalProcess(record.pid, 'SIGTERM');
  if (await goneWithin(record, graceMs, ctx)) return;
  signalProcess(record.pid, 'SIGKILL');
  if (await goneWithin(record, 5000, ctx)) return;
  throw new HostError(
    'Timeout',
    `process ${record.pid} does not end even by SIGKILL`,
    'It waits in the kernel; see dmesg.',
  );
}

async function goneWithin(record: PidRecord, timeMs: number, ctx: Ctx): Promise<boolean> {
  const deadline = ctx.clock.monotonicMs() + timeMs;
  while (await isAlive(record)) {
    if (ctx.clock.monotonicMs() > deadline) return false;
    await sleep(POLL_MS, ctx);
  }
  return true;
}

/** A process that is gone already is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export interface RunningProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly args: readonly string[];
}

/** All processes that this process can see. */
export async function listProcesses(): Promise<readonly RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid): Promise<RunningProcess | undefined> => {
      const stat = await processStat(pid);
      if (stat === undefined) return undefined;
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return { pid, parentPid: stat.parentPid, args: line.split('\0').slice(0, -1) };
    }),
  );
  return found.filter((entry) => entry !== undefined);
}
