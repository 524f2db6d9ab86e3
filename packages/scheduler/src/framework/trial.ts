/** One node with other Pods on it than there are: what preemption and nominations ask. `end` puts all back. */
import type { NodeState } from './node-state.ts';
import type { PodState } from './pod-state.ts';
import type { FilterState, PluginRejection } from './plugin.ts';
import type { Profile } from './profile.ts';

/**
 * Works on the node itself, which costs less than a copy of it for each of thousands: synchronous, and always ended.
 * The plugins' states are copies.
 */
export class Trial {
  readonly #node: NodeState;
  readonly #filters: readonly { readonly name: string; readonly state: FilterState }[];
  /** What differs from the truth: Pods taken away, Pods added. */
  readonly #removed = new Map<string, PodState>();
  readonly #added = new Map<string, PodState>();

  constructor(node: NodeState, profile: Profile, states: ReadonlyMap<string, FilterState>) {
    this.#node = node;
    const filters: { name: string; state: FilterState }[] = [];
    for (const { name } of profile.filter) {
      const state = states.get(name);
      if (state !== undefined) filters.push({ name, state: state.clone?.() ?? state });
    }
    this.#filters = filters;
  }

  add(pod: PodState): void {
    if (!this.#removed.delete(pod.key)) this.#added.set(pod.key, pod);
    this.#node.add(pod);
    for (const { state } of this.#filters) state.update?.(pod, this.#node, 1);
  }

  remove(pod: PodState): void {
    if (!this.#added.delete(pod.key)) this.#removed.set(pod.key, pod);
    this.#node.remove(pod.key);
    for (const { state } of this.#filters) state.update?.(pod, this.#node, -1);
  }

  refusal(): PluginRejection | undefined {
    for (const { name, state } of this.#filters) {
      const refusal = state.filter(this.#node);
      if (refusal !== undefined) return { ...refusal, plugin: name };
    }
    return undefined;
  }

  /** As `refusal`, also with those of `promised` there that the Pod must give way to: it must fit with and without. */
  refusalWith(promised: readonly PodState[]): PluginRejection | undefined {
    if (promised.length === 0) return this.refusal();
    for (const pod of promised) this.add(pod);
    const refusal = this.refusal();
    for (const pod of promised) this.remove(pod);
    return refusal ?? this.refusal();
  }

  /** Leaves the node as it was found. */
  end(): void {
    for (const key of this.#added.keys()) this.#node.remove(key);
    for (const pod of this.#removed.values()) this.#node.add(pod);
  }
}
