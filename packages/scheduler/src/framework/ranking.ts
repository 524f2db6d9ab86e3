/** Which nodes score highest, kept up as single nodes change: a pass over all of them only when the last of the best is gone. */
import type { Random } from '@kapella/base';

/** The slot's node does not fit. */
const UNFIT = Number.NEGATIVE_INFINITY;

export class Ranking {
  readonly #totals: Float64Array;
  #best = UNFIT;
  /** How many have the best total. */
  #equals = 0;
  /** No slot before it has. */
  #first = 0;
  /** Nodes that fit. */
  count = 0;

  constructor(size: number) {
    this.#totals = new Float64Array(size).fill(UNFIT);
  }

  /** `total` undefined: the node does not fit. */
  set(slot: number, total: number = UNFIT): void {
    const old = this.#totals[slot] as number;
    if (old === total) return;
    this.#totals[slot] = total;
    if (old === UNFIT) this.count++;
    else if (total === UNFIT) this.count--;
    if (old === this.#best) this.#equals--;
    if (total > this.#best) {
      this.#best = total;
      this.#equals = 1;
      this.#first = slot;
    } else if (total === this.#best && total !== UNFIT) {
      this.#equals++;
      if (slot < this.#first) this.#first = slot;
    }
  }

  /** Slot of the highest total; each of several equals with the same chance, by one random number. -1: none fits. */
  pick(random: Random): number {
    if (this.count === 0) return -1;
    if (this.#equals <= 0) this.#findBest();
    const totals = this.#totals;
    let skip = this.#equals > 1 ? Math.floor(random.float() * this.#equals) : 0;
    let isFirst = true;
    for (let slot = this.#first; slot < totals.length; slot++) {
      if (totals[slot] !== this.#best) continue;
      if (isFirst) this.#first = slot;
      isFirst = false;
      if (skip-- === 0) return slot;
    }
    return -1;
  }

  #findBest(): void {
    this.#best = UNFIT;
    this.#equals = 0;
    const totals = this.#totals;
    for (let slot = 0; slot < totals.length; slot++) {
      const total = totals[slot] as number;
      if (total > this.#best) {
        this.#best = total;
        this.#first = slot;
        this.#equals = 1;
      } else if (total === this.#best && total !== UNFIT) this.#equals++;
    }
  }
}
