/** One topology key over all nodes, as numbers: each value of the label is a domain. */
import { topologyValue } from './pod-terms.ts';

export const NO_DOMAIN = -1;

export class Topology {
  readonly key: string;
  /** Domain of the node in each slot; NO_DOMAIN without the label. */
  domains: Int32Array;
  readonly values: string[] = [];
  readonly #domainOf = new Map<string, number>();

  constructor(key: string, slots: number) {
    this.key = key;
    this.domains = new Int32Array(Math.max(slots, 64)).fill(NO_DOMAIN);
  }

  set(slot: number, labels: Readonly<Record<string, string>> | undefined): void {
    if (slot >= this.domains.length) {
      const next = new Int32Array(Math.max(slot + 1, this.domains.length * 2)).fill(NO_DOMAIN);
      next.set(this.domains);
      this.domains = next;
    }
    const value = topologyValue(labels, this.key);
    this.domains[slot] = value === undefined ? NO_DOMAIN : this.#domain(value);
  }

  #domain(value: string): number {
    let domain = this.#domainOf.get(value);
    if (domain === undefined) {
      domain = this.values.length;
      this.values.push(value);
      this.#domainOf.set(value, domain);
    }
    return domain;
  }
}
