/** What a controller has done but its cache may not show yet. Source: pkg/controller/controller_utils.go, ControllerExpectations. */

/** An expectation never met counts as met after this long, so that a lost event cannot stop a controller for good. */
const TIMEOUT_MS = 5 * 60_000;

/** Times are `ctx.clock.monotonicMs()`. */
export interface Expectations {
  /** All expected is seen, or nothing is expected, or it is too long ago. */
  satisfied(key: string, nowMs: number): boolean;
  /** Before creating: so many more objects will appear. */
  expectCreations(key: string, count: number, nowMs: number): void;
  /** Before deleting: these will go or get a deletion timestamp. */
  expectDeletions(key: string, uids: readonly string[], nowMs: number): void;
  /** Seen in the cache, or never made after all. */
  creationObserved(key: string, count?: number): void;
  deletionObserved(key: string, uid: string): void;
  /** The owner is gone. */
  forget(key: string): void;
}

interface Expected {
  creations: number;
  readonly deletions: Set<string>;
  atMs: number;
}

export function createExpectations(): Expectations {
  const expected = new Map<string, Expected>();
  const entryOf = (key: string, nowMs: number): Expected => {
    let entry = expected.get(key);
    if (entry === undefined || isMet(entry)) {
      entry = { creations: 0, deletions: new Set(), atMs: 0 };
      expected.set(key, entry);
    }
    entry.atMs = nowMs;
    return entry;
  };
  return {
    satisfied(key, nowMs) {
      const entry = expected.get(key);
      if (entry === undefined) return true;
      if (!isMet(entry) && nowMs - entry.atMs < TIMEOUT_MS) return false;
      expected.delete(key);
      return true;
    },
    expectCreations(key, count, nowMs) {
      entryOf(key, nowMs).creations += count;
    },
    expectDeletions(key, uids, nowMs) {
      const { deletions } = entryOf(key, nowMs);
      for (const uid of uids) deletions.add(uid);
    },
    creationObserved(key, count = 1) {
      const entry = expected.get(key);
      if (entry !== undefined) entry.creations -= count;
    },
    deletionObserved(key, uid) {
      expected.get(key)?.deletions.delete(uid);
    },
    forget(key) {
      expected.delete(key);
    },
  };
}

const isMet = (entry: Expected) => entry.creations <= 0 && entry.deletions.size === 0;
