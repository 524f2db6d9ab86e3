/** Maps of resource amounts. Source: kubernetes pkg/apis/core/v1/defaults.go and component-helpers/resource. */
import { Quantity } from '@kapella/api';
import type { Container, PodSpec } from '@kapella/api/types/core-v1';

export type ResourceList = Readonly<Record<string, string>>;

const MILLI_SCALE = -3;

/** Amounts in canonical form, rounded up to thousandths; what does not parse is left for validation to refuse. */
export function roundResources(list: ResourceList): ResourceList {
  const rounded: [string, string][] = [];
  for (const [name, amount] of Object.entries(list)) {
    const quantity = tryQuantity(amount);
    rounded.push([name, quantity === undefined ? amount : quantity.roundUp(MILLI_SCALE).toString()]);
  }
  return Object.fromEntries(rounded);
}

export function tryQuantity(text: string | number | undefined): Quantity | undefined {
  if (text === undefined) return undefined;
  try {
    return Quantity.parse(text);
  } catch {
    return undefined;
  }
}

export function quantityOf(list: ResourceList | undefined, name: string): Quantity | undefined {
  return list !== undefined && Object.hasOwn(list, name) ? tryQuantity(list[name]) : undefined;
}

/** Requests default to limits: of Pods, not of templates. */
export function withRequestsFromLimits(container: Container): Container {
  const { limits, requests } = container.resources ?? {};
  if (limits === undefined) return container;
  return { ...container, resources: { ...container.resources, requests: { ...limits, ...requests } } };
}

/** Guaranteed, Burstable or BestEffort, by cpu and memory. Source: pkg/apis/core/v1/helper/qos/qos.go. */
export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  if (spec.resources !== undefined && hasAmounts(spec.resources)) return qosOfPodLevel(spec.resources);
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (!containers.some(({ resources }) => hasAmounts(resources))) return 'BestEffort';
  return containers.every(({ resources }) => isGuaranteed(resources)) ? 'Guaranteed' : 'Burstable';
}

function qosOfPodLevel(resources: Resources): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  if (!hasAmounts(resources)) return 'BestEffort';
  return isGuaranteed(resources) ? 'Guaranteed' : 'Burstable';
}

type Resources = { readonly requests?: ResourceList; readonly limits?: ResourceList } | undefined;

function hasAmounts(resources: Resources): boolean {
  return positive(resources?.requests).size > 0 || positive(resources?.limits).size > 0;
}

/** Both limits, and no request that is not its limit. */
function isGuaranteed(resources: Resources): boolean {
  const limits = positive(resources?.limits);
  const requests = [...positive(resources?.requests)];
  if (!limits.has('cpu') || !limits.has('memory')) return false;
  return requests.every(([name, amount]) => limits.get(name)?.equals(amount) === true);
}

function positive(list: ResourceList | undefined): Map<string, Quantity> {
  const found = new Map<string, Quantity>();
  for (const name of ['cpu', 'memory']) {
    const amount = quantityOf(list, name);
    if (amount !== undefined && amount.sign > 0) found.set(name, amount);
  }
  return found;
}
