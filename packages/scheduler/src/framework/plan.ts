/**
 * How the nodes look to one kind of Pod: which of them refuse it and why, and what the others score. Worked out once
 * and then kept up with the snapshot's changes, so that the next Pod of the kind costs a pass over numbers.
 */
import type { NodeState } from './node-state.ts';
import type { PodState } from './pod-state.ts';
import {
  type FilterState,
  isRejection,
  type PluginRejection,
  type Rejection,
  type SchedulerPlugin,
  type ScoreState,
} from './plugin.ts';
import type { Profile } from './profile.ts';
import { Ranking } from './ranking.ts';
import { addWeighted } from './scores.ts';
import type { Snapshot } from './snapshot.ts';
import { Trial } from './trial.ts';

interface FilterRow {
  readonly plugin: SchedulerPlugin;
  readonly state: FilterState;
  /** Place in the order of filters: of several refusals the first is told. */
  readonly order: number;
}

interface ScoreRow {
  readonly plugin: SchedulerPlugin;
  readonly state: ScoreState;
  readonly weight: number;
  /** By slot, of nodes that no local filter refuses. Unused where the state has `update`: scored for each decision. */
  readonly raw: Float64Array;
  /** No raw score so far was above it: at zero the plugin makes no difference between nodes. */
  rawMax: number;
}

const FITS = 0xff;
/** No node has the slot, or no plugin may look at the node that has it. */
const ABSENT = 0xfe;

/** Room for the numbers of one decision, shared by all plans: what is in it is valid until the next decision. */
export class Scratch {
  totals = new Float64Array(0);
  scores = new Float64Array(0);

  reserve(size: number): void {
    if (this.totals.length >= size) return;
    this.totals = new Float64Array(size);
    this.scores = new Float64Array(size);
  }
}

export class Plan {
  /** All nodes are refused, by a plugin that did not look at nodes. */
  readonly refusal: PluginRejection | undefined;
  readonly filterStates = new Map<string, FilterState>();
  /** Nodes that fit, by slot, after `run`; the first `count`. */
  readonly slots: Int32Array;
  count = 0;
  /** What was worked out of a node by itself: void once the node changes. */
  readonly memo = new Map<NodeState, unknown>();
  /** Plugins that narrowed the nodes to some by name. */
  readonly narrowedBy: readonly string[];
  readonly #snapshot: Snapshot;
  readonly #profile: Profile;
  readonly #pod: PodState;
  readonly #epoch: number;
  #sequence: number;
  readonly #local: FilterRow[] = [];
  readonly #global: FilterRow[] = [];
  #scores: ScoreRow[] | undefined;
  /** By slot: weighted sum of the local scores that need no normalizing. */
  #base: Float64Array;
  /** By slot: order of the local filter that refuses the node. */
  readonly #refusedBy: Uint8Array;
  readonly #refusals: (Rejection | undefined)[] = [];
  /** As of the last `run`: refusals of filters that look at other nodes. */
  readonly #globalRefusals: (Rejection | undefined)[] = [];
  readonly #globalRefusedBy: Uint8Array;
  #hasGlobalRefusals = false;
  readonly #namedRefusals = new WeakMap<Rejection, PluginRejection>();
  readonly #candidates: ReadonlySet<NodeState> | undefined;
  /** Nodes by the sum of their local scores; made with the scores. */
  #ranking: Ranking | undefined;
  readonly #scratch: Scratch;

  constructor(pod: PodState, snapshot: Snapshot, profile: Profile, scratch = new Scratch()) {
    this.#pod = pod;
    this.#snapshot = snapshot;
    this.#profile = profile;
    this.#epoch = snapshot.epoch;
    this.#sequence = snapshot.sequence;
    const size = snapshot.slots.length;
    this.slots = new Int32Array(size);
    this.#refusedBy = new Uint8Array(size).fill(ABSENT);
    this.#globalRefusedBy = new Uint8Array(size);
    this.#scratch = scratch;
    scratch.reserve(size);
    this.#base = new Float64Array(0);
    this.refusal = this.#preFilter();
    const narrowed = [...this.filterStates].filter(([, state]) => state.nodeNames !== undefined);
    this.narrowedBy = narrowed.map(([name]) => name).sort();
    if (this.refusal !== undefined) return;
    const names = narrowed.reduce<ReadonlySet<string> | undefined>(
      (all, [, state]) => (all === undefined ? state.nodeNames : all.intersection(state.nodeNames as Set<string>)),
      undefined,
    );
    if (names !== undefined && names.size === 0) {
      const [plugin = ''] = this.narrowedBy;
      const who =
        narrowed.length === 1 ? `plugin ${plugin}` : `plugin(s) [${this.narrowedBy.join(' ')}] simultaneously`;
      this.refusal = { code: 'UnschedulableAndUnresolvable', reasons: [`node(s) didn't satisfy ${who}`], plugin };
      return;
    }
    if (names !== undefined) {
      const nodes = [...names].map((name) => snapshot.nodes.get(name));
      this.#candidates = new Set(nodes.filter((node) => node !== undefined));
    }
    for (const node of this.candidates()) this.#filterLocally(node);
  }

  /** The nodes that are looked at: all, unless a plugin narrowed them. */
  candidates(): Iterable<NodeState> {
    return this.#candidates ?? this.#snapshot.nodes.values();
  }

  /** Takes in what happened since the last time. False: the plan is void, a new one is needed. */
  catchUp(): boolean {
    const snapshot = this.#snapshot;
    if (snapshot.epoch !== this.#epoch || this.refusal !== undefined) return false;
    const changes = snapshot.changesSince(this.#sequence);
    if (changes === undefined) return false;
    this.#sequence = snapshot.sequence;
    const dirty = new Set<NodeState>();
    for (const { sign, pod, node } of changes) {
      dirty.add(node);
      if (sign === 0 || pod === undefined) continue;
      for (const { state } of this.#global) state.update?.(pod, node, sign);
      for (const { state } of this.#scores ?? []) state.update?.(pod, node, sign);
    }
    for (const node of dirty) this.#lookAgain(node);
    return true;
  }

  #lookAgain(node: NodeState): void {
    if (this.#candidates?.has(node) === false) return; // nobody asks for it
    this.memo.delete(node);
    this.#filterLocally(node);
    if (this.#scores !== undefined) this.#scoreLocally(node, this.#scores);
  }

  /** Fills `slots` with the nodes that fit, in order of their slots. */
  run(): void {
    this.count = 0;
    if (this.refusal !== undefined) return;
    const global = this.#global.filter(({ state }) => state.isIdle !== true);
    if (global.length === 0) this.#runLocally();
    else for (const node of this.candidates()) this.#judge(node, global);
  }

  /**
   * Nodes that fit, ranked, where each node's fit and score rest on that node alone: then neither `run` nor `totals` is
   * needed. undefined: they are.
   */
  ranked(): Ranking | undefined {
    if (this.refusal !== undefined || this.#global.some(({ state }) => state.isIdle !== true)) return undefined;
    for (const { state, rawMax } of this.#scorers()) {
      const isNeutral =
        state.update === undefined ? state.normalize === undefined || rawMax === 0 : state.isIdle === true;
      if (!isNeutral) return undefined;
    }
    this.#hasGlobalRefusals = false;
    return this.#ranking;
  }

  #runLocally(): void {
    const { slots } = this;
    const refusedBy = this.#refusedBy;
    let count = 0;
    for (let slot = 0; slot < refusedBy.length; slot++) if (refusedBy[slot] === FITS) slots[count++] = slot;
    this.count = count;
    this.#hasGlobalRefusals = false;
  }

  /** At present, what is found of a node rests on that node alone: it can be kept in `memo`. */
  get looksAtNodesAlone(): boolean {
    return this.#sequence === this.#snapshot.sequence && this.#global.every(({ state }) => state.isIdle === true);
  }

  /** What would be with other Pods on the node, asked while `ask` runs; plan and node stay as they are. */
  tryOn<T>(node: NodeState, ask: (trial: Trial) => T): T {
    const trial = new Trial(node, this.#profile, this.filterStates);
    try {
      return ask(trial);
    } finally {
      trial.end();
    }
  }

  /** As of the last `run`. */
  refusalOf({ slot }: NodeState): PluginRejection | undefined {
    if (this.refusal !== undefined) return this.refusal;
    const global = this.#hasGlobalRefusals ? this.#globalRefusals[slot] : undefined;
    const order = (global === undefined ? this.#refusedBy : this.#globalRefusedBy)[slot] as number;
    if (order >= ABSENT) return undefined;
    return this.#named(global ?? (this.#refusals[slot] as Rejection), order);
  }

  /** Every filter that refuses the node, not only the first. */
  refusalsOf(node: NodeState): PluginRejection[] {
    const rows = [...this.#local, ...this.#global].sort((a, b) => a.order - b.order);
    return rows.flatMap(({ plugin, state }) => {
      const refusal = state.filter(node);
      return refusal === undefined ? [] : [{ ...refusal, plugin: plugin.name }];
    });
  }

  /** With the plugin's name; thousands of nodes share a few refusals. */
  #named(refusal: Rejection, order: number): PluginRejection {
    let named = this.#namedRefusals.get(refusal);
    if (named === undefined) {
      named = { ...refusal, plugin: (this.#profile.filter[order] as SchedulerPlugin).name };
      this.#namedRefusals.set(refusal, named);
    }
    return named;
  }

  /** Keeps the nodes for which `keep` answers true; it is asked with each node that fits, in order. */
  retain(keep: (node: NodeState) => boolean): void {
    let count = 0;
    for (let i = 0; i < this.count; i++) {
      const slot = this.slots[i] as number;
      if (keep(this.#snapshot.slots[slot] as NodeState)) this.slots[count++] = slot;
    }
    this.count = count;
  }

  /** Keeps at most `max` of the nodes that fit, from slot `start` on and around. Answers the slot to start at next. */
  limit(max: number, start: number): number {
    const { slots, count } = this;
    if (count <= max) return start;
    let from = slots.subarray(0, count).findIndex((slot) => slot >= start);
    if (from < 0) from = 0;
    const kept = new Int32Array(max);
    for (let i = 0; i < max; i++) kept[i] = slots[(from + i) % count] as number;
    slots.set(kept);
    this.count = max;
    return ((kept[max - 1] as number) + 1) % this.#snapshot.slots.length;
  }

  /** Total score of each node that fits, at the same index. Valid until the next call. */
  totals(): Float64Array {
    const rows = this.#scorers();
    const { slots, count } = this;
    const { totals, scores } = this.#scratch;
    for (let i = 0; i < count; i++) totals[i] = this.#base[slots[i] as number] as number;
    for (const { state, raw, rawMax, weight } of rows) {
      const isLocal = state.update === undefined;
      // What needs no normalizing is in the base.
      if (state.isIdle === true || (isLocal && (state.normalize === undefined || rawMax === 0))) continue;
      state.begin?.(slots, count);
      for (let i = 0; i < count; i++) {
        const slot = slots[i] as number;
        scores[i] = isLocal ? (raw[slot] as number) : state.score(this.#snapshot.slots[slot] as NodeState);
      }
      addWeighted(totals, scores, slots, count, weight, state.normalize);
    }
    return totals;
  }

  #judge(node: NodeState, global: readonly FilterRow[]): void {
    const { slot } = node;
    const local = this.#refusedBy[slot] as number;
    this.#globalRefusals[slot] = undefined;
    for (const { state, order } of global) {
      if (order > local) break;
      const refusal = state.filter(node);
      if (refusal === undefined) continue;
      this.#globalRefusals[slot] = refusal;
      this.#globalRefusedBy[slot] = order;
      this.#hasGlobalRefusals = true;
      return;
    }
    if (local === FITS) this.slots[this.count++] = slot;
  }

  #preFilter(): PluginRejection | undefined {
    const { preFilter, filter } = this.#profile;
    for (const plugin of new Set([...preFilter, ...filter])) {
      const state = plugin.preFilter?.(this.#pod, this.#snapshot);
      if (state === undefined || state === 'skip') continue;
      if (isRejection(state)) return { ...state, plugin: plugin.name };
      this.filterStates.set(plugin.name, state);
      const order = filter.indexOf(plugin);
      if (order < 0) continue;
      (state.update === undefined ? this.#local : this.#global).push({ plugin, state, order });
    }
    this.#local.sort((a, b) => a.order - b.order);
    this.#global.sort((a, b) => a.order - b.order);
    return undefined;
  }

  #filterLocally(node: NodeState): void {
    for (const { state, order } of this.#local) {
      const refusal = state.filter(node);
      if (refusal === undefined) continue;
      this.#refusedBy[node.slot] = order;
      this.#refusals[node.slot] = refusal;
      return;
    }
    this.#refusedBy[node.slot] = FITS;
  }

  #scorers(): readonly ScoreRow[] {
    if (this.#scores !== undefined) return this.#scores;
    const size = this.#snapshot.slots.length;
    const rows: ScoreRow[] = [];
    for (const { plugin, weight } of this.#profile.score) {
      const state = plugin.preScore?.(this.#pod, this.#snapshot, this.filterStates.get(plugin.name));
      if (state === undefined || state === 'skip') continue;
      const needsRaw = state.update === undefined && state.normalize !== undefined;
      rows.push({ plugin, state, weight, raw: new Float64Array(needsRaw ? size : 0), rawMax: 0 });
    }
    this.#base = new Float64Array(size);
    this.#ranking = new Ranking(size);
    for (const node of this.candidates()) this.#scoreLocally(node, rows);
    this.#scores = rows;
    return rows;
  }

  #scoreLocally(node: NodeState, rows: readonly ScoreRow[]): void {
    if (this.#refusedBy[node.slot] !== FITS) {
      this.#ranking?.set(node.slot);
      return;
    }
    let base = 0;
    for (const row of rows) {
      const { state, weight } = row;
      if (state.update !== undefined) continue;
      const score = state.score(node);
      if (state.normalize === undefined) base += weight * score;
      else {
        row.raw[node.slot] = score;
        row.rawMax = Math.max(row.rawMax, Math.abs(score));
      }
    }
    this.#base[node.slot] = base;
    this.#ranking?.set(node.slot, base);
  }
}
