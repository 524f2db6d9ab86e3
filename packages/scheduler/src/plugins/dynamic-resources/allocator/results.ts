/** From picked devices to what goes into the claim's status. Source: …/structured/internal/incubating/allocator_incubating.go. */
import type { Node, NodeSelector, NodeSelectorRequirement } from '@kapella/api/types/core-v1';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceClaimConfiguration,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '@kapella/api/types/resource-v1';
import type { Choice } from './requests.ts';
import type { Picked } from './search.ts';

/** Stands in the result of a share until the claim is written: only then does it get an id of its own. */
export const SHARE_PENDING = '';

export function resultOf(claim: ResourceClaim, picked: readonly Picked[], node: Node): AllocationResult {
  const config = configOf(claim, picked);
  const nodeSelector = selectorOf(picked, node);
  return {
    devices: { results: picked.map(deviceResult), ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}

function deviceResult({ choice, device: usable, consumed }: Picked): DeviceRequestAllocationResult {
  const { adminAccess, tolerations = [] } = choice.wanted;
  const { driver, pool, device } = usable;
  const { bindingConditions = [], bindingFailureConditions = [] } = device;
  const share = consumed === undefined ? {} : { shareID: SHARE_PENDING };
  const amounts = Object.fromEntries([...(consumed ?? [])].map(([name, amount]) => [name, amount.toString()]));
  return {
    ...{ request: choice.name, driver, pool: pool.name, device: device.name },
    ...(adminAccess === true ? { adminAccess } : {}),
    ...(tolerations.length === 0 ? {} : { tolerations }),
    ...(bindingConditions.length === 0 ? {} : { bindingConditions }),
    ...(bindingFailureConditions.length === 0 ? {} : { bindingFailureConditions }),
    ...share,
    ...(Object.keys(amounts).length === 0 ? {} : { consumedCapacity: amounts }),
  };
}

/** The classes' configuration first: the claim's own overrides it. */
function configOf({ spec }: ResourceClaim, picked: readonly Picked[]): DeviceAllocationConfiguration[] {
  const choices = [...new Set(picked.map(({ choice }) => choice))];
  const byClass = new Map<string, Choice[]>();
  for (const choice of choices) {
    const { name } = choice.class.metadata;
    byClass.set(name, [...(byClass.get(name) ?? []), choice]);
  }
  const ofClasses = [...byClass.values()].flatMap((of) =>
    (of[0]?.class.spec.config ?? []).map((config) => ({
      ...{ source: 'FromClass' as const, requests: of.map(({ name }) => name) },
      ...config,
    })),
  );
  const ofClaim = (spec.devices?.config ?? []).flatMap((config) => {
    const count = (config.requests?.length ?? 0) === 0 ? 1 : choices.filter(({ name }) => names(config, name)).length;
    return Array.from({ length: count }, () => ({ source: 'FromClaim' as const, ...config }));
  });
  return [...ofClasses, ...ofClaim];
}

function names({ requests = [] }: DeviceClaimConfiguration, choice: string): boolean {
  return requests.includes(choice) || requests.includes(choice.split('/')[0] ?? '');
}

/** Where all of the devices can be used: this node when one of them is on it, else wherever their slices say. */
function selectorOf(picked: readonly Picked[], node: Node): NodeSelector | undefined {
  if (picked.some(({ device }) => device.isLocal)) {
    const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node.metadata.name] }];
    return { nodeSelectorTerms: [{ matchFields }] };
  }
  const terms = picked.flatMap(({ device }) => device.nodeSelector?.nodeSelectorTerms ?? []);
  const matchExpressions = unique(terms.flatMap((term) => term.matchExpressions ?? []));
  const matchFields = unique(terms.flatMap((term) => term.matchFields ?? []));
  if (matchExpressions.length + matchFields.length === 0) return undefined;
  const term = {
    ...(matchFields.length === 0 ? {} : { matchFields }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  };
  return { nodeSelectorTerms: [term] };
}

/** The order of a requirement's values does not matter. */
function unique(requirements: readonly NodeSelectorRequirement[]): NodeSelectorRequirement[] {
  const byText = new Map<string, NodeSelectorRequirement>();
  for (const requirement of requirements) {
    const { key, operator, values = [] } = requirement;
    const text = JSON.stringify([key, operator, [...new Set(values)].sort()]);
    if (!byText.has(text)) byText.set(text, requirement);
  }
  return [...byText.values()];
}
