/** How long failed daemons of a node stay before they are replaced. Source: client-go/util/flowcontrol/backoff.go. */

const DELAY_MIN_MS = 1000;
const DELAY_MAX_MS = 15 * 60_000;

export interface NodeBackoff {
  /** What is left; 0 when there is nothing to wait for. */
  leftMs(key: string, nowMs: number): number;
  /** One more failure was acted on. */
  failed(key: string, nowMs: number): void;
}

export function createNodeBackoff(): NodeBackoff {
  const entries = new Map<string, { readonly delayMs: number; readonly atMs: number }>();
  const entryOf = (key: string, nowMs: number) => {
    const entry = entries.get(key);
    return entry === undefined || nowMs - entry.atMs > 2 * DELAY_MAX_MS ? undefined : entry;
  };
  return {
    leftMs(key, nowMs) {
      const entry = entryOf(key, nowMs);
      return entry === undefined ? 0 : Math.max(0, entry.atMs + entry.delayMs - nowMs);
    },
    failed(key, nowMs) {
      const before = entryOf(key, nowMs);
      const delayMs = before === undefined ? DELAY_MIN_MS : Math.min(before.delayMs * 2, DELAY_MAX_MS);
      for (const [other, { atMs }] of entries) if (nowMs - atMs > 2 * DELAY_MAX_MS) entries.delete(other);
      entries.set(key, { delayMs, atMs: nowMs });
    },
  };
}
