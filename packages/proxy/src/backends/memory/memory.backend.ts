/** Keeps the tables as maps and refuses what the kernel would refuse: for tests and simulation. */
import { invariant } from '@kapella/base';
import type { ProxyBackend } from '../../backend.ts';
import type { Family, RuleChange, RuleState, SetName, StaleFlow } from '../../model.ts';

export interface MemoryBackend extends ProxyBackend {
  readonly tables: ReadonlyMap<Family, RuleState>;
  readonly forgotten: readonly StaleFlow[];
}

export function createMemoryBackend(): MemoryBackend {
  const tables = new Map<Family, RuleState>();
  const forgotten: StaleFlow[] = [];
  return {
    tables,
    forgotten,
    replace: async (states) => {
      for (const state of states) tables.set(state.family, state);
    },
    apply: async (changes) => {
      for (const change of changes) {
        const old = tables.get(change.family);
        invariant(old !== undefined, 'a change needs a table');
        tables.set(change.family, applyChange(old, change));
      }
    },
    forgetFlows: async (flows) => void forgotten.push(...flows),
    remove: async () => tables.clear(),
  };
}

/** The state after the change; throws where an element to remove is not there or one to add is. */
export function applyChange(state: RuleState, change: RuleChange): RuleState {
  const chains = new Set(state.chains);
  for (const name of change.chainsAdded) chains.add(name);
  const sets = new Map<SetName, ReadonlyMap<string, string>>(state.sets);
  for (const [name, { removed, added }] of change.sets) {
    const map = new Map(state.sets.get(name));
    for (const [key, value] of removed) {
      invariant(map.get(key) === value, `${name}: ${key} is not ${value}`);
      map.delete(key);
    }
    for (const [key, value] of added) {
      invariant(!map.has(key), `${name}: ${key} is there`);
      map.set(key, value);
    }
    sets.set(name, map);
  }
  for (const name of change.chainsRemoved) invariant(chains.delete(name), `chain ${name} is not there`);
  for (const map of sets.values()) {
    for (const value of map.values()) {
      const chain = /^goto ((?:pick|stick)-.*)$/.exec(value)?.[1];
      invariant(chain === undefined || chains.has(chain), `chain ${chain} is named and not there`);
    }
  }
  return { family: state.family, chains, sets };
}
