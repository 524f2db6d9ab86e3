/** Programs that run beside a suite: controllers, webhooks, kwok. Each has a log and is ended with what it was started for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessSpec {
  /** Its log is NAME.log in the directory. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface BackgroundProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Rejects once it has ended by itself, with the end of its log. */
  check(): Promise<void>;
  /** The last of what it printed. */
  log(): string;
}

export function startProcess(directory: string, { name, program, args, env }: ProcessSpec): BackgroundProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const path = join(directory, `${name}.log`);
  const file = createWriteStream(path);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const log = () => (existsSync(path) ? readFileSync(path, 'utf8').slice(-900) : '');
  return {
    name,
    pid: child.pid ?? 0,
    log,
    async check() {
      if (hasEnded(child)) throw new Error(`${name} ended with exit code ${child.exitCode}: ${log()}`);
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
