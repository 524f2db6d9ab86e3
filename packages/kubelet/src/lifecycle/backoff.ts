/** Exponential back-off of one thing, as data. Source: client-go/util/flowcontrol/backoff.go. */

export interface BackoffEntry {
  readonly delayMs: number;
  readonly updatedAtMs: number;
}

export interface BackoffRules {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Restarts of a container and pulls of an image: 10 s, doubled up to 5 min, forgotten after 10 quiet minutes. */
export const CRASH_LOOP: BackoffRules = { initialMs: 10_000, maxMs: 300_000 };

const isExpired = (entry: BackoffEntry, atMs: number, { maxMs }: BackoffRules) => atMs - entry.updatedAtMs > 2 * maxMs;

/** When the next try may be made, or undefined when it may be made now. `eventMs`: when the last try failed. */
export function backedOffUntil(
  entry: BackoffEntry | undefined,
  eventMs: number,
  nowMs: number,
  rules: BackoffRules,
): number | undefined {
  if (entry === undefined || isExpired(entry, eventMs, rules)) return undefined;
  const until = eventMs + entry.delayMs;
  return nowMs < until ? until : undefined;
}

/** The entry after a try that is being made at `nowMs` because of a failure at `eventMs`. */
export function nextBackoff(
  entry: BackoffEntry | undefined,
  eventMs: number,
  nowMs: number,
  rules: BackoffRules,
): BackoffEntry {
  if (entry === undefined || isExpired(entry, eventMs, rules)) return { delayMs: rules.initialMs, updatedAtMs: nowMs };
  return { delayMs: Math.min(entry.delayMs * 2, rules.maxMs), updatedAtMs: nowMs };
}
