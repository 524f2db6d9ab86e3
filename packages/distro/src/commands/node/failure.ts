/** Any failure as one clear line, what to do, and the exit code of its family. */
import { describeError } from '@kapella/base';
import { CliError, EXIT_CODES, type ExitFamily } from '@kapella/cli';
import type { Program } from '../../cluster/node/program.ts';
import { HostError, type HostErrorReason } from '../../host/step.ts';

const FAMILY_OF_HOST_ERROR: Readonly<Record<HostErrorReason, ExitFamily>> = {
  NotRoot: 'Host',
  MissingPackage: 'Host',
  Unsupported: 'Host',
  CommandFailed: 'Failed',
  RuntimeFailed: 'Runtime',
  Timeout: 'Timeout',
};

/** Prints the failure and returns the exit code. */
export function reportFailure(error: unknown, program: Program): number {
  const failure = toCliError(error);
  const { family, message, fix } = failure;
  if (program.json) {
    program.write(`${JSON.stringify({ error: { family, message, fix, exitCode: EXIT_CODES[family] } })}\n`);
  } else {
    program.writeError(`kapella: ${message}\n${fix === '' ? '' : `  fix: ${fix}\n`}`);
  }
  if (program.env['KAPELLA_DEBUG'] !== undefined) program.writeError(`${(error as Error)?.stack ?? ''}\n`);
  return EXIT_CODES[family];
}

export function toCliError(error: unknown): CliError {
  for (let cause = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    const known = cause instanceof CliError ? cause : (fromHostError(cause) ?? fromErrno(cause));
    if (known !== undefined) return known;
  }
  return new CliError('Failed', describeError(error), '', error);
}

function fromHostError(error: unknown): CliError | undefined {
  if (!(error instanceof HostError)) return undefined;
  // A disk that is full is the cause of many a failure, and the one to name.
  const underlying = fromErrno(error.cause);
  if (underlying?.message.startsWith('no space') === true) return underlying;
  return new CliError(FAMILY_OF_HOST_ERROR[error.reason], error.message, error.fix, error);
}

interface Errno {
  readonly code?: string;
  readonly path?: string;
  readonly port?: number;
  readonly syscall?: string;
}

/** What the operating system refused. */
function fromErrno(error: unknown): CliError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path, port } = error as Errno;
  const at = path === undefined ? '' : ` for ${path}`;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new CliError(
        'Host',
        `no space left on the disk${at}`,
        'Free some: df -h; or choose another --data-dir.',
        error,
      );
    case 'EACCES':
    case 'EPERM':
      return new CliError(
        'Host',
        `permission denied${at}`,
        'Run it as root (sudo), or choose another --data-dir.',
        error,
      );
    case 'EROFS':
      return new CliError('Host', `the filesystem is read-only${at}`, 'Choose another --data-dir.', error);
    case 'EADDRINUSE': {
      const fix = `See who holds it: ss -ltnp 'sport = :${port}'; or choose another: --api-port`;
      return new CliError('Host', `port ${port} is in use`, fix, error);
    }
    case 'EADDRNOTAVAIL':
      return new CliError(
        'Host',
        'this machine does not have that address',
        'Give an address of it: --bind-address',
        error,
      );
    default:
      return undefined;
  }
}
