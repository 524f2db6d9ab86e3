/** The table of one family, changed one Service at a time: the cost of a change does not grow with the cluster. */
import type { Contribution, Family, RuleChange, RuleState, SetName, StaleFlow } from './model.ts';
import { SET_NAMES, splitHostPort } from './model.ts';

interface Claim {
  readonly owner: string;
  readonly value: string;
}

interface Held {
  readonly claims: ReadonlyMap<string, string>;
  readonly contribution: Contribution;
}

const EMPTY: Contribution = { elements: [], udp: [] };

/**
 * Two owners may claim one key (an endpoint's address, or an external IP by mistake): the owner that sorts first has
 * it, so the table depends only on what is held, never on the order in which it came.
 */
export class RuleTable {
  readonly family: Family;
  readonly #sets = new Map<SetName, Map<string, Claim | Claim[]>>();
  readonly #held = new Map<string, Held>();
  readonly #chainUses = new Map<string, number>();
  #touched = new Map<SetName, Map<string, string | undefined>>();
  #chainsTouched = new Map<string, boolean>();
  #stale: StaleFlow[] = [];

  constructor(family: Family) {
    this.family = family;
    for (const name of SET_NAMES) this.#sets.set(name, new Map());
  }

  /** Puts what `owner` contributes in the place of what it contributed before; undefined removes it. */
  replace(owner: string, contribution: Contribution | undefined): void {
    const old = this.#held.get(owner);
    const next = new Map<string, string>();
    for (const { set, key, value } of contribution?.elements ?? []) next.set(`${set} ${key}`, value);
    for (const { set, key } of old?.contribution.elements ?? []) {
      const id = `${set} ${key}`;
      if (next.get(id) !== old?.claims.get(id)) this.#claim(owner, set, key, undefined);
    }
    for (const { set, key, value } of contribution?.elements ?? []) {
      if (old?.claims.get(`${set} ${key}`) !== value) this.#claim(owner, set, key, value);
    }
    this.#noteStale(old?.contribution ?? EMPTY, contribution ?? EMPTY);
    if (contribution === undefined || next.size === 0) this.#held.delete(owner);
    else this.#held.set(owner, { claims: next, contribution });
  }

  #claim(owner: string, set: SetName, key: string, value: string | undefined): void {
    const map = this.#sets.get(set) as Map<string, Claim | Claim[]>;
    const claims = asList(map.get(key)).filter((c) => c.owner !== owner);
    const before = effective(map.get(key));
    if (value !== undefined) claims.push({ owner, value });
    const [only] = claims;
    if (only === undefined) map.delete(key);
    else map.set(key, claims.length === 1 ? only : claims);
    const after = effective(map.get(key));
    if (before === after) return;
    this.#touch(set, key, before);
    this.#use(before, -1);
    this.#use(after, 1);
  }

  #touch(set: SetName, key: string, before: string | undefined): void {
    let touched = this.#touched.get(set);
    if (touched === undefined) {
      touched = new Map();
      this.#touched.set(set, touched);
    }
    if (!touched.has(key)) touched.set(key, before);
  }

  #use(value: string | undefined, by: number): void {
    const chain = value === undefined ? undefined : chainOf(value);
    if (chain === undefined) return;
    const uses = this.#chainUses.get(chain) ?? 0;
    if (!this.#chainsTouched.has(chain)) this.#chainsTouched.set(chain, uses > 0);
    if (uses + by > 0) this.#chainUses.set(chain, uses + by);
    else this.#chainUses.delete(chain);
  }

  #noteStale(old: Contribution, next: Contribution): void {
    const now = new Map(next.udp.map((f) => [`${f.ip} ${f.port}`, f]));
    const before = new Map(old.udp.map((f) => [`${f.ip} ${f.port}`, f]));
    for (const [key, { ip, port, endpoints }] of before) {
      const kept = new Set(now.get(key)?.endpoints);
      for (const e of endpoints) {
        if (!kept.has(e)) this.#stale.push({ family: this.family, ip, port, endpoint: splitHostPort(e) });
      }
    }
    // Packets sent while nothing answered left a flow that goes nowhere, and UDP clients keep it alive.
    for (const [key, { ip, port, endpoints }] of now) {
      const had = before.get(key)?.endpoints.length ?? 0;
      if (had === 0 && endpoints.length > 0) this.#stale.push({ family: this.family, ip, port });
    }
  }

  /** What changed since the last call, or undefined when nothing did. */
  takeChange(): RuleChange | undefined {
    const sets: Map<SetName, { removed: Map<string, string>; added: Map<string, string> }> = new Map();
    for (const [set, touched] of this.#touched) {
      const change = { removed: new Map<string, string>(), added: new Map<string, string>() };
      for (const [key, before] of touched) {
        const after = effective(this.#sets.get(set)?.get(key));
        if (before === after) continue;
        if (before !== undefined) change.removed.set(key, before);
        if (after !== undefined) change.added.set(key, after);
      }
      if (change.removed.size + change.added.size > 0) sets.set(set, change);
    }
    const chains = [...this.#chainsTouched].filter(([name, was]) => was !== this.#chainUses.has(name));
    const change: RuleChange = {
      family: this.family,
      chainsAdded: chains
        .filter(([, was]) => !was)
        .map(([name]) => name)
        .sort(),
      chainsRemoved: chains
        .filter(([, was]) => was)
        .map(([name]) => name)
        .sort(),
      sets,
      staleFlows: this.#stale,
    };
    this.#touched = new Map();
    this.#chainsTouched = new Map();
    this.#stale = [];
    return sets.size + chains.length + change.staleFlows.length === 0 ? undefined : change;
  }

  /** The whole table as of now. */
  state(): RuleState {
    const sets = new Map<SetName, ReadonlyMap<string, string>>();
    for (const [name, map] of this.#sets) {
      const plain = new Map<string, string>();
      for (const [key, held] of map) plain.set(key, effective(held) as string);
      sets.set(name, plain);
    }
    return { family: this.family, chains: new Set(this.#chainUses.keys()), sets };
  }
}

function asList(held: Claim | Claim[] | undefined): Claim[] {
  return held === undefined ? [] : Array.isArray(held) ? held : [held];
}

function effective(held: Claim | Claim[] | undefined): string | undefined {
  if (held === undefined) return undefined;
  if (!Array.isArray(held)) return held.value;
  return held.reduce((a, b) => (b.owner < a.owner ? b : a)).value;
}

/** The generated chain that a verdict names; the fixed ones are always there. */
function chainOf(value: string): string | undefined {
  const name = value.startsWith('goto ') ? value.slice(5) : '';
  return name.startsWith('pick-') || name.startsWith('stick-') ? name : undefined;
}
