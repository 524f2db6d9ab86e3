/** Time comes from outside: the host's clock in a real process, a virtual one in tests and simulation. */

export interface Timer {
  /** Idempotent. The callback does not run after it. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch; may be fractional and may step. For timestamps in objects. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start, never backwards. For durations and deadlines. */
  monotonicMs(): number;
  /** Calls `fn` once after `delayMs` (0 = as soon as possible). */
  setTimer(delayMs: number, fn: () => void): Timer;
}

/** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
export function sleep(delayMs: number, ctx: { readonly clock: Clock; readonly signal: AbortSignal }): Promise<void> {
  return new Promise((resolve, reject) => {
    const { clock, signal } = ctx;
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Calls `fn` once after `delayMs`, unless `ctx` ends before: then nothing of it is left behind. */
export function setTimerWithin(
  ctx: { readonly clock: Clock; readonly signal: AbortSignal },
  delayMs: number,
  fn: () => void,
): Timer {
  const { clock, signal } = ctx;
  if (signal.aborted) return { cancel: () => {} };
  const cancel = () => {
    timer.cancel();
    signal.removeEventListener('abort', cancel);
  };
  const timer = clock.setTimer(delayMs, () => {
    signal.removeEventListener('abort', cancel);
    fn();
  });
  signal.addEventListener('abort', cancel, { once: true });
  return { cancel };
}

/** `metav1.Time`: RFC 3339 in UTC with whole seconds, as upstream writes it. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastFormatted.second) {
    lastFormatted.text = `${new Date(ms).toISOString().slice(0, 19)}Z`;
    lastFormatted.second = second;
  }
  return lastFormatted.text;
}

/** Each write says the same second several times. */
const lastFormatted = { second: Number.NaN, text: '' };

/** `metav1.MicroTime`: RFC 3339 in UTC with six decimals. */
export function formatMicroTime(ms: number): string {
  const micros = Math.round((ms - Math.floor(ms / 1000) * 1000) * 1000);
  return `${new Date(ms).toISOString().slice(0, 19)}.${String(Math.min(micros, 999_999)).padStart(6, '0')}Z`;
}

/** Milliseconds since the epoch, or undefined when the text is absent or no RFC 3339 time. */
export function parseTime(text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text === '') return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
