/** Processor time per time, between two looks. */
const WINDOW_MS_MIN = 1000;
const SERIES_MAX = 10_000;

export interface Rates {
  /** Empty until there are two readings at least a second apart. */
  of(key: string, nanos: number, nowMs: number): { readonly usageNanoCores?: number };
}

interface Sample {
  nanos: number;
  atMs: number;
  rate: number | undefined;
}

export function createRates(): Rates {
  const samples = new Map<string, Sample>();
  return {
    of(key, nanos, nowMs) {
      const last = samples.get(key);
      if (last === undefined) {
        const oldest = samples.size >= SERIES_MAX ? samples.keys().next().value : undefined;
        if (oldest !== undefined) samples.delete(oldest);
        samples.set(key, { nanos, atMs: nowMs, rate: undefined });
        return {};
      }
      if (nowMs - last.atMs >= WINDOW_MS_MIN) {
        last.rate = Math.max(0, Math.round(((nanos - last.nanos) * 1000) / (nowMs - last.atMs)));
        last.nanos = nanos;
        last.atMs = nowMs;
      }
      return last.rate === undefined ? {} : { usageNanoCores: last.rate };
    },
  };
}
