/** Runs a program of the host and waits for it: the one way host provisioning reaches outside. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { HostError } from '../step.ts';

/** Debian keeps part of what a node needs in sbin, which a user's path often lacks. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of the caller with the system's directories added to its path. */
export function hostEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${SYSTEM_PATH}`, ...extra };
}

/** Absolute path of a command, or undefined. */
export function findCommand(command: string): string | undefined {
  for (const dir of (hostEnv()['PATH'] ?? '').split(':')) {
    if (!dir.startsWith('/')) continue;
    const path = `${dir}/${command}`;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** Never throws for an exit code; a program that cannot be started has code 127. */
export function tryRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: hostEnv(options.env),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    collect(child.stdout, stdout, options.onLine);
    collect(child.stderr, stderr, options.onLine);
    child.stdin.on('error', () => {}); // it ended without reading: its exit code tells
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      if (options.signal?.aborted === true) reject(options.signal.reason);
      else resolve({ code: 127, stdout: '', stderr: error.message });
    });
    child.on('close', (code) => {
      resolve({
        code: code ?? 128,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}

/** @throws HostError CommandFailed with the last lines the program wrote. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await tryRun(command, args, options);
  if (result.code === 0) return result;
  const shown = [command, ...args].join(' ');
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-4).join(' | ');
  throw new HostError(
    'CommandFailed',
    `${shown}: exit code ${result.code}: ${said}`,
    `Run it by hand to see more: ${shown}`,
  );
}

function collect(stream: NodeJS.ReadableStream, chunks: Buffer[], onLine: ((line: string) => void) | undefined): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (onLine === undefined) return;
    const parts = (rest + chunk.toString()).split(/[\r\n]/);
    rest = parts.pop() ?? '';
    for (const line of parts) if (line.trim() !== '') onLine(line);
  });
}
