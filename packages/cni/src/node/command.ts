/** Runs a host program to its end. */
import { spawn } from 'node:child_process';
import { ApiError, type Ctx } from '@kapella/base';

/** stdout; throws InternalError with what it wrote to stderr. */
export function runCommand(command: readonly string[], ctx: Ctx, stdin = ''): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { signal: ctx.signal as globalThis.AbortSignal });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
    child.on('error', (cause) => reject(new ApiError('InternalError', `${program} cannot run`, { cause })));
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new ApiError('InternalError', `${program} ended with ${code}: ${stderr.trim().slice(0, 2_000)}`));
    });
    child.stdin.on('error', () => {}); // The program may end without having read; its exit code says why.
    child.stdin.end(stdin);
  });
}
