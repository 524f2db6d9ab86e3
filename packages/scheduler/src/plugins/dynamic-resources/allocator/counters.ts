/**
 * Parts of one physical device draw on its counters: what is left of them.
 * Source: …/structured/internal/incubating/allocator_incubating.go checkAvailableCounters.
 */
import { Quantity } from '@kapella/api';
import type { Device } from '@kapella/api/types/resource-v1';
import type { AllocatedState } from './allocated-state.ts';
import type { Pool } from './pools.ts';

export class Counters {
  readonly #state: AllocatedState;
  /** By pool, then `set/counter`: what is left. */
  readonly #left = new Map<Pool, Map<string, Quantity>>();

  constructor(state: AllocatedState) {
    this.#state = state;
  }

  /** Takes what the device needs; false: there is not enough, and nothing was taken. */
  take(device: Device, pool: Pool): boolean {
    const left = this.#of(pool);
    draw(left, device, (have, amount) => have.sub(amount));
    if ([...left.values()].every(({ sign }) => sign >= 0)) return true;
    this.giveBack(device, pool);
    return false;
  }

  giveBack(device: Device, pool: Pool): void {
    draw(this.#of(pool), device, (have, amount) => have.add(amount));
  }

  #of(pool: Pool): Map<string, Quantity> {
    let left = this.#left.get(pool);
    if (left === undefined) {
      left = new Map();
      for (const [set, counters] of pool.counters) {
        for (const [name, { value }] of Object.entries(counters)) left.set(`${set}/${name}`, Quantity.parse(value));
      }
      for (const { id, device } of pool.sharers) {
        if (!this.#state.devices.has(id) && !this.#state.shared.has(id)) continue;
        draw(left, device, (have, amount) => have.sub(amount));
      }
      this.#left.set(pool, left);
    }
    return left;
  }
}

function draw(
  left: Map<string, Quantity>,
  { consumesCounters = [] }: Device,
  change: (have: Quantity, amount: Quantity) => Quantity,
): void {
  for (const { counterSet, counters } of consumesCounters) {
    for (const [name, { value }] of Object.entries(counters)) {
      const key = `${counterSet}/${name}`;
      const have = left.get(key);
      if (have !== undefined) left.set(key, change(have, Quantity.parse(value)));
    }
  }
}
