/** Runs programs of the host. */
import { spawn } from 'node:child_process';

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: number;

  constructor(program: string, code: number, output: string) {
    super(`${program}: ${output.trim() || `exit code ${code}`}`);
    this.code = code;
  }
}

/** Answers what it prints. `input` goes to its standard input: secrets are no arguments. Throws CommandError. */
export function command(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => reject(new CommandError(program, -1, error.message)));
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new CommandError(program, code ?? -1, stderr || stdout));
    });
    child.stdin.on('error', () => {}); // a program that ends without reading its input
    child.stdin.end(input);
  });
}
