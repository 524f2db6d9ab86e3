/** Keeps what a slow way to know tokens answered. Source: apiserver/pkg/authentication/token/cache. */
import type { Ctx } from '@kapella/base';
import type { TokenAuthenticator, TokenUser } from '../contract.ts';

export interface TokenCacheOptions {
  /** 0: not kept. */
  readonly successTtlMs: number;
  /** Of tokens that are unknown; 0: not kept. */
  readonly failureTtlMs: number;
  /** Answers kept at most, oldest out first. */
  readonly sizeMax?: number;
}

const SIZE_MAX = 4_096;

interface Kept {
  readonly answer: TokenUser | undefined;
  readonly untilMs: number;
}

/** Requests for one token that come together ask once. Errors are not kept. */
export function cachedTokens(inner: TokenAuthenticator, options: TokenCacheOptions): TokenAuthenticator {
  const kept = new Map<string, Kept>();
  const inFlight = new Map<string, Promise<TokenUser | undefined>>();
  const ask = async (key: string, token: string, audiences: readonly string[] | undefined, ctx: Ctx) => {
    const answer = await inner.authenticateToken(token, audiences, ctx);
    const ttlMs = answer === undefined ? options.failureTtlMs : options.successTtlMs;
    if (ttlMs > 0) {
      if (kept.size >= (options.sizeMax ?? SIZE_MAX)) kept.delete(kept.keys().next().value as string);
      kept.set(key, { answer, untilMs: ctx.clock.monotonicMs() + ttlMs });
    }
    return answer;
  };
  return {
    async authenticateToken(token, audiences, ctx) {
      const key = JSON.stringify([token, audiences ?? null]);
      const known = kept.get(key);
      if (known !== undefined && known.untilMs > ctx.clock.monotonicMs()) return known.answer;
      kept.delete(key);
      let pending = inFlight.get(key);
      if (pending === undefined) {
        pending = ask(key, token, audiences, ctx).finally(() => inFlight.delete(key));
        inFlight.set(key, pending);
      }
      return pending;
    },
  };
}
