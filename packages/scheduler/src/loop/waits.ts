/** Waiting for objects to change, and Pods that wait for permission. Each wait is bounded and says what it waits for. */
import type { Ctx } from '@kapella/base';

type Waiter = () => void;

/** Those that wait ask again whenever something changed. */
export class Waits {
  readonly #waiters = new Set<Waiter>();

  changed(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves with the first answer of `check` other than undefined. Rejects with what it throws, and after the time. */
  until<T>(check: () => T | undefined, timeoutMs: number, what: string, ctx: Ctx): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        this.#waiters.delete(waiter);
        timer.cancel();
        ctx.signal.removeEventListener('abort', onAbort);
        then();
      };
      const waiter: Waiter = () => {
        try {
          const answer = check();
          if (answer !== undefined) settle(() => resolve(answer));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const onAbort = () => settle(() => reject(ctx.signal.reason));
      const timer = ctx.clock.setTimer(timeoutMs, () => {
        settle(() => reject(new Error(`timed out after ${timeoutMs / 1000} s of waiting for ${what}`)));
      });
      ctx.signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      waiter();
    });
  }
}

interface Held {
  /** Plugins that have not allowed the Pod yet. */
  readonly pending: Set<string>;
  settle(refusal: PermitRefusal | undefined): void;
}

export interface PermitRefusal {
  readonly plugin: string;
  readonly reason: string;
}

/** Pods that plugins hold back between the decision and the binding. */
export class HeldPods {
  readonly #held = new Map<string, Held>();

  /** By `namespace/name`. */
  keys(): IterableIterator<string> {
    return this.#held.keys();
  }

  allow(key: string, plugin: string): void {
    const held = this.#held.get(key);
    held?.pending.delete(plugin);
    if (held?.pending.size === 0) held.settle(undefined);
  }

  /** True when the Pod was held. */
  reject(key: string, plugin: string, reason: string): boolean {
    const held = this.#held.get(key);
    held?.settle({ plugin, reason });
    return held !== undefined;
  }

  /** Resolves when each plugin has allowed the Pod, or with the first that did not in its time. */
  hold(key: string, waits: ReadonlyMap<string, number>, ctx: Ctx): Promise<PermitRefusal | undefined> {
    return new Promise((resolve, reject) => {
      const timers = [...waits].map(([plugin, waitMs]) =>
        ctx.clock.setTimer(waitMs, () => {
          const reason = `rejected due to timeout after waiting ${waitMs / 1000}s at plugin ${plugin}`;
          held.settle({ plugin, reason });
        }),
      );
      const end = () => {
        this.#held.delete(key);
        for (const timer of timers) timer.cancel();
        ctx.signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        end();
        reject(ctx.signal.reason);
      };
      const held: Held = {
        pending: new Set(waits.keys()),
        settle(refusal) {
          end();
          resolve(refusal);
        },
      };
      this.#held.set(key, held);
      ctx.signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
