/** How long a refused client is told to wait: the more are refused, the longer. Source: dropped_requests_tracker.go. */

const RETRY_SECONDS_MAX = 32;

interface Second {
  readonly at: number;
  readonly count: number;
}

/** Of one priority level. */
export class RetryAfter {
  #history: Second[] = [];
  #second = 0;
  #count = 0;
  #changedAt = 0;
  #seconds = 1;

  /** Seconds, 1 to 32. */
  get seconds(): number {
    return this.#seconds;
  }

  noteRejected(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) {
      this.#count++;
      return;
    }
    this.#history.push({ at: this.#second, count: this.#count });
    const keep = Math.min(2 * this.#seconds, RETRY_SECONDS_MAX);
    this.#history = this.#history.filter(({ at }) => second - at <= keep);
    this.#second = second;
    this.#count = 1;
    this.#adjust(second);
  }

  #adjust(second: number): void {
    const recent = this.#history.filter(({ at }) => second - at <= this.#seconds && at < second);
    const rejected = recent.reduce((sum, { count }) => sum + count, 0);
    if (second - this.#changedAt >= this.#seconds && rejected >= 3 * this.#seconds) {
      this.#seconds = Math.min(2 * this.#seconds, RETRY_SECONDS_MAX);
      this.#changedAt = second;
    } else if (rejected < this.#seconds && this.#seconds > 1) this.#seconds--;
  }
}
