/** How many seats a level wants, over time. Sources: flowcontrol/fairqueuing/integrator.go, apf_controller.go. */

/** Of one adjustment period. */
export interface Observation {
  readonly durationMs: number;
  readonly average: number;
  readonly deviation: number;
  readonly max: number;
}

/** The time-weighted mean and deviation of a value that changes in steps. */
export class Integrator {
  #lastMs: number;
  #value = 0;
  #elapsed = 0;
  #sum = 0;
  #squares = 0;
  #max = 0;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  get value(): number {
    return this.#value;
  }

  set(value: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#value = value;
    if (value > this.#max) this.#max = value;
  }

  /** What was seen since the last call; a new period starts with the present value. */
  reset(nowMs: number): Observation {
    this.#advance(nowMs);
    const durationMs = this.#elapsed;
    const average = durationMs <= 0 ? 0 : this.#sum / durationMs;
    const variance = durationMs <= 0 ? 0 : this.#squares / durationMs - average * average;
    const seen = { durationMs, average, deviation: Math.sqrt(Math.max(0, variance)), max: this.#max };
    this.#elapsed = 0;
    this.#sum = 0;
    this.#squares = 0;
    this.#max = this.#value;
    return seen;
  }

  #advance(nowMs: number): void {
    const elapsed = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#elapsed += elapsed;
    this.#sum += this.#value * elapsed;
    this.#squares += this.#value * this.#value * elapsed;
  }
}

export interface SeatDemand {
  readonly average: number;
  readonly deviation: number;
  readonly highWatermark: number;
  /** Follows a rise at once and a fall slowly. */
  readonly smoothed: number;
}

export const NO_DEMAND: SeatDemand = { average: 0, deviation: 0, highWatermark: 0, smoothed: 0 };
const SMOOTHING = 0.977;

export function nextDemand(before: SeatDemand, seen: Observation): SeatDemand {
  const highWatermark = Math.round(seen.max);
  if (seen.durationMs <= 0) return { ...before, highWatermark };
  const envelope = seen.average + seen.deviation;
  const smoothed = Math.max(envelope, SMOOTHING * before.smoothed + (1 - SMOOTHING) * envelope);
  return { average: seen.average, deviation: seen.deviation, highWatermark, smoothed };
}
