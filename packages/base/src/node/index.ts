/** The host's clock, chance and log output behind the interfaces of @kapella/base. */
import { randomBytes, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type Clock, createLogger, type Ctx, type Logger, type LogLevel, type Random } from '../index.ts';

export const hostClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(delayMs, 2 ** 31 - 1));
    return { cancel: () => clearTimeout(timer) };
  },
};

export const hostRandom: Random = {
  float: () => Math.random(),
  bytes: (length) => Uint8Array.from(randomBytes(length)),
  uuid: () => randomUUID(),
};

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** One JSON line a record: `{"time","level","event",…fields}`. `write` takes whole lines. */
export function createJsonLogger(levelMin: LogLevel, write: (line: string) => void): Logger {
  const rankMin = LEVELS.indexOf(levelMin);
  return createLogger(({ level, event, fields }) => {
    if (LEVELS.indexOf(level) < rankMin) return;
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`);
  });
}

/** A context of this host. */
export function hostCtx(signal: AbortSignal, log: Logger): Ctx {
  return { signal, log, clock: hostClock, random: hostRandom };
}
