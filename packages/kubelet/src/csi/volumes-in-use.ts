/** status.volumesInUse of this node: a volume in it is not detached. Source: kubernetes pkg/kubelet/volumemanager. */
import type { Ctx } from '@kapella/base';

export interface VolumesInUse {
  add(name: string): void;
  remove(name: string): void;
  /** Sorted. */
  list(): readonly string[];
  /** Told once the API knows `names`. */
  reported(names: readonly string[]): void;
  /** Resolves when the API knows that `name` is in use: only then may one rely on its attachment. */
  untilReported(name: string, ctx: Ctx): Promise<void>;
  /** `fn` reports the node's status soon. One listener. */
  onChange(fn: () => void): void;
}

export function createVolumesInUse(): VolumesInUse {
  const names = new Set<string>();
  let known: ReadonlySet<string> = new Set();
  let listener: () => void = () => {};
  const waiting = new Set<() => void>();
  return {
    add(name) {
      if (names.has(name)) return;
      names.add(name);
      listener();
    },
    remove(name) {
      if (names.delete(name)) listener();
    },
    list: () => [...names].sort(),
    reported(seen) {
      known = new Set(seen);
      for (const check of [...waiting]) check();
    },
    async untilReported(name, ctx) {
      if (known.has(name)) return;
      await new Promise<void>((resolve, reject) => {
        const finish = (settle: () => void) => {
          waiting.delete(check);
          ctx.signal.removeEventListener('abort', onAbort);
          settle();
        };
        const check = () => known.has(name) && finish(resolve);
        const onAbort = () => finish(() => reject(ctx.signal.reason));
        if (ctx.signal.aborted) return reject(ctx.signal.reason);
        waiting.add(check);
        ctx.signal.addEventListener('abort', onAbort, { once: true });
      });
    },
    onChange(fn) {
      listener = fn;
    },
  };
}
