/** One node with other Pods on it than there are: what preemption and nominations ask. Nothing real changes. */
import type { NodeState } from './node-state.ts';
import type { PodState } from './pod-state.ts';
import type { FilterState, PluginRejection } from './plugin.ts';
import type { Profile } from './profile.ts';

export class Trial {
  readonly node: NodeState;
  readonly #states: ReadonlyMap<string, FilterState>;
  readonly #profile: Profile;

  constructor(node: NodeState, profile: Profile, states: ReadonlyMap<string, FilterState>) {
    this.node = node.clone();
    this.#profile = profile;
    this.#states = new Map([...states].map(([name, state]) => [name, state.clone?.() ?? state]));
  }

  add(pod: PodState): void {
    this.node.add(pod);
    for (const state of this.#states.values()) state.update?.(pod, this.node, 1);
  }

  remove(pod: PodState): void {
    this.node.remove(pod.key);
    for (const state of this.#states.values()) state.update?.(pod, this.node, -1);
  }

  refusal(): PluginRejection | undefined {
    for (const plugin of this.#profile.filter) {
      const refusal = this.#states.get(plugin.name)?.filter(this.node);
      if (refusal !== undefined) return { ...refusal, plugin: plugin.name };
    }
    return undefined;
  }

  /** As `refusal`, also with those of `promised` there that the Pod must give way to: it must fit with and without. */
  refusalWith(promised: readonly PodState[]): PluginRejection | undefined {
    for (const pod of promised) this.add(pod);
    const refusal = promised.length === 0 ? undefined : this.refusal();
    for (const pod of promised) this.remove(pod);
    return refusal ?? this.refusal();
  }
}
