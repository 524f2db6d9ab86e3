/** A transport that sends only so many requests a second. Source: client-go/util/flowcontrol, the token bucket of rest.Config. */
import { sleep } from '@kapella/base';
import type { Transport } from '../transport.ts';

export interface Pace {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** So many may go at once after a rest. */
  readonly burst: number;
}

/** Requests go in the order in which they came. */
export function pacedTransport(transport: Transport, { perSecond, burst }: Pace): Transport {
  let tokens = burst;
  let atMs: number | undefined;
  return {
    ...(transport.sharesChunks !== undefined && { sharesChunks: transport.sharesChunks }),
    async request(request, ctx) {
      const nowMs = ctx.clock.monotonicMs();
      tokens = Math.min(burst, tokens + ((nowMs - (atMs ?? nowMs)) / 1000) * perSecond);
      atMs = nowMs;
      // Below zero: a place in the line.
      tokens -= 1;
      if (tokens < 0) await sleep((-tokens / perSecond) * 1000, ctx);
      return transport.request(request, ctx);
    },
    close: () => transport.close(),
  };
}
