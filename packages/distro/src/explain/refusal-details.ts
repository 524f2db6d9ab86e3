/** A refusal with what of this node it is about. */
import type { Pod } from '@kapella/api/types/core-v1';
import { type PluginRejection, podStateOf, type Snapshot } from '@kapella/scheduler';
import { amountText, taintText } from './variants.ts';

type NodeState = NonNullable<ReturnType<Snapshot['nodes']['get']>>;

/** `Insufficient cpu: asks 3, 500m of 2 are free`. */
export function describeRefusal({ plugin, reasons }: PluginRejection, pod: Pod, node: NodeState | undefined): string {
  if (node === undefined) return reasons.join(', ');
  if (plugin === 'NodeResourcesFit') return reasons.map((reason) => shortage(reason, pod, node)).join(', ');
  const detail = plugin === 'TaintToleration' ? taints(node) : plugin === 'NodePorts' ? portHolders(pod, node) : '';
  return detail === '' ? reasons.join(', ') : `${reasons.join(', ')}: ${detail}`;
}

function shortage(reason: string, pod: Pod, node: NodeState): string {
  const resource = /^Insufficient (.+)$/.exec(reason)?.[1];
  if (resource === undefined) return `${reason}: ${node.pods.size} of ${node.allocatable('pods')}`;
  const asked = podStateOf(pod, false).requests.get(resource) ?? 0;
  const [all, used] = [node.allocatable(resource), node.requested(resource)];
  const text = (amount: number) => amountText(resource, amount);
  return `${reason}: asks ${text(asked)}, ${text(Math.max(0, all - used))} of ${text(all)} are free`;
}

function taints({ node }: NodeState): string {
  const hard = (node.spec.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  return hard.map(taintText).join(', ');
}

function portHolders(pod: Pod, node: NodeState): string {
  const wanted = new Set(podStateOf(pod, false).hostPorts.map(({ port }) => port));
  return [...node.podsWithPorts.values()]
    .flatMap(({ key, hostPorts }) =>
      hostPorts.filter(({ port }) => wanted.has(port)).map(({ port }) => `${port} is ${key}'s`),
    )
    .join(', ');
}
