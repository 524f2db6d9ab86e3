/** Expectations of a controller that learns its clock only when it runs. Source: pkg/controller/controller_utils.go. */
import type { Clock } from '@kapella/base';

/** An expectation never met counts as met after this long. */
const TIMEOUT_MS = 5 * 60_000;

export interface LateExpectations {
  /** To be called at the head of each reconcile. */
  bind(clock: Clock): void;
  satisfied(key: string): boolean;
  expectCreations(key: string, count: number): void;
  expectDeletions(key: string, uids: readonly string[]): void;
  creationObserved(key: string, count?: number): void;
  deletionObserved(key: string, uid: string): void;
  forget(key: string): void;
}

interface Expected {
  creations: number;
  readonly deletions: Set<string>;
  atMs: number;
}

const isMet = (entry: Expected) => entry.creations <= 0 && entry.deletions.size === 0;

export function createLateExpectations(): LateExpectations {
  const expected = new Map<string, Expected>();
  let clock: Clock | undefined;
  const nowMs = () => clock?.monotonicMs() ?? 0;
  const entryOf = (key: string): Expected => {
    const present = expected.get(key);
    const entry =
      present === undefined || isMet(present) ? { creations: 0, deletions: new Set<string>(), atMs: 0 } : present;
    entry.atMs = nowMs();
    expected.set(key, entry);
    return entry;
  };
  return {
    bind(bound) {
      clock = bound;
    },
    satisfied(key) {
      const entry = expected.get(key);
      if (entry === undefined) return true;
      if (!isMet(entry) && nowMs() - entry.atMs < TIMEOUT_MS) return false;
      expected.delete(key);
      return true;
    },
    expectCreations(key, count) {
      entryOf(key).creations += count;
    },
    expectDeletions(key, uids) {
      const { deletions } = entryOf(key);
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
