/**
 * A transport that lets only so many requests be under way: the rest wait here, in order. A server that limits what one
 * client may have waiting sends the others away for a second or more, which is dearer than waiting for a turn.
 */
import type { Transport } from '../transport.ts';

/** A watch counts until its answer begins. */
export function limitedTransport(transport: Transport, atOnceMax: number): Transport {
  let underWay = 0;
  let waiting: (() => void)[] = [];
  let first = 0;
  const turn = () => new Promise<void>((resolve) => waiting.push(resolve));
  const leave = () => {
    const next = waiting[first++];
    if (next === undefined) {
      underWay--;
      waiting = [];
      first = 0;
      return;
    }
    next(); // it has the place
    if (first < 1_024) return;
    waiting = waiting.slice(first);
    first = 0;
  };
  return {
    ...(transport.sharesChunks === true && { sharesChunks: true }),
    async request(request, ctx) {
      if (underWay < atOnceMax) underWay++;
      else await turn();
      try {
        return await transport.request(request, ctx);
      } finally {
        leave();
      }
    },
    close: () => transport.close(),
  };
}
