/** Events that happened while Pods were being placed, kept as long as one of those Pods may still ask for them. */
import { type ClusterEvent, eventLabel } from '../framework/cluster-events.ts';

export class EventLog {
  /** Where each Pod under way came in, earliest first. */
  readonly #starts = new Map<object, number>();
  #events: ClusterEvent[] = [];
  /** Number of the first event that is kept. */
  #first = 0;

  get size(): number {
    return this.#events.length;
  }

  /** How many are kept, by label. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const event of this.#events) counts.set(eventLabel(event), (counts.get(eventLabel(event)) ?? 0) + 1);
    return counts;
  }

  get podCount(): number {
    return this.#starts.size;
  }

  begin(pod: object): void {
    this.#starts.set(pod, this.#first + this.#events.length);
  }

  add(event: ClusterEvent): void {
    if (this.#starts.size > 0) this.#events.push(event);
  }

  /** What happened since `begin`; the Pod asks no more. */
  end(pod: object): readonly ClusterEvent[] {
    const start = this.#starts.get(pod);
    if (start === undefined) return [];
    const missed = this.#events.slice(start - this.#first);
    this.#starts.delete(pod);
    const [earliest] = this.#starts.values();
    if (earliest === undefined) {
      this.#first += this.#events.length;
      this.#events = [];
    } else if (earliest - this.#first > this.#events.length / 2) {
      this.#events = this.#events.slice(earliest - this.#first);
      this.#first = earliest;
    }
    return missed;
  }
}
