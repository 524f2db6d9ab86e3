/** Certificates that are not valid now, said as what it mostly is: a clock that is wrong. Source: Node.js TLS error codes. */
import { CliError } from '@kapella/cli';

const WORDS = new Map([
  ['CERT_NOT_YET_VALID', 'is not valid yet'],
  ['CERT_HAS_EXPIRED', 'has expired'],
]);

/** undefined = the failure has nothing to do with time. */
export function clockError(error: unknown, nowMs: number): CliError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const word = WORDS.get((cause as { readonly code?: string }).code ?? '');
    if (word === undefined) continue;
    const now = new Date(nowMs).toISOString();
    const message = `the certificate of the API server ${word} by the clock of this machine, which says ${now}`;
    return new CliError('Host', message, 'Compare the clocks of this machine and of the server: date -u', error);
  }
  return undefined;
}
