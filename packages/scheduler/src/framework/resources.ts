/** What Pods ask for and nodes have, as numbers. Source: component-helpers/resource/helpers.go, framework/types.go. */
import { quantityMilli, quantityValue } from '@kapella/api';
import type { Container, ContainerStatus, Pod } from '@kapella/api/types/core-v1';

/** CPU in millicores, all else in whole units (bytes, devices). */
export type Amounts = Map<string, number>;
type ResourceList = Readonly<Record<string, string | number>>;

/** What scoring assumes for containers that ask for nothing. */
export const MILLICPU_DEFAULT = 100;
export const MEMORY_BYTES_DEFAULT = 200 * 1024 * 1024;

export interface RequestOptions {
  /** What the Pod as a whole asks for does not count. */
  readonly containersOnly?: boolean;
  /** Of a running Pod whose resources change in place, the most of what is asked, given and in effect counts. */
  readonly useStatus?: boolean;
  /** Assumed where a container does not name the resource. */
  readonly missing?: Amounts;
}

const NONE: Amounts = new Map();
const MEMO_MAX = 4096;
const memo = { milli: new Map<string, number>(), whole: new Map<string, number>() };

/** The same few quantities come again and again: each text is read once. */
export function amountOf(resource: string, quantity: string | number): number {
  const isCpu = resource === 'cpu';
  const known = isCpu ? memo.milli : memo.whole;
  const text = String(quantity);
  let amount = known.get(text);
  if (amount === undefined) {
    amount = isCpu ? quantityMilli(text) : quantityValue(text);
    if (known.size >= MEMO_MAX) known.clear();
    known.set(text, amount);
  }
  return amount;
}

export function amountsOf(list: ResourceList | undefined): Amounts {
  const amounts: Amounts = new Map();
  if (list === undefined) return amounts;
  for (const resource of Object.keys(list)) {
    amounts.set(resource, amountOf(resource, list[resource] as string | number));
  }
  return amounts;
}

/** What the scheduler must set aside for the Pod, Pod-level requests and overhead included. */
export function podRequests(pod: Pod, options: RequestOptions = {}): Amounts {
  const total = containerRequests(pod, options);
  if (options.containersOnly !== true) {
    for (const [resource, amount] of podLevelRequests(pod, options)) total.set(resource, amount);
  }
  if (pod.spec.overhead !== undefined) add(total, amountsOf(pod.spec.overhead));
  return total;
}

/** The same as scoring sees it: containers that name no CPU or memory count with an assumed minimum. */
export function podScoredRequests(pod: Pod, requests: Amounts, useStatus: boolean): Amounts {
  const missing: Amounts = new Map();
  const isPodLevel = hasPodLevelRequests(pod);
  if (!isPodLevel || !requests.has('cpu')) missing.set('cpu', MILLICPU_DEFAULT);
  if (!isPodLevel || !requests.has('memory')) missing.set('memory', MEMORY_BYTES_DEFAULT);
  return podRequests(pod, { useStatus, missing });
}

export function isPodLevelResource(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || resource.startsWith('hugepages-');
}

function hasPodLevelRequests(pod: Pod): boolean {
  return Object.keys(pod.spec.resources?.requests ?? {}).some(isPodLevelResource);
}

function podLevelRequests(pod: Pod, { useStatus }: RequestOptions): Amounts {
  const requests = pod.spec.resources?.requests;
  if (requests === undefined) return NONE;
  const spec = amountsOf(requests);
  const { resources, allocatedResources } = pod.status ?? {};
  const inEffect =
    useStatus === true && resources !== undefined ? effective(pod, spec, resources.requests, allocatedResources) : spec;
  const result: Amounts = new Map();
  for (const resource of spec.keys()) {
    if (isPodLevelResource(resource)) result.set(resource, inEffect.get(resource) ?? 0);
  }
  return result;
}

/** Sidecars run beside everything that starts after them; plain init containers run one by one. */
function containerRequests(pod: Pod, options: RequestOptions): Amounts {
  const statuses = options.useStatus === true ? statusesOf(pod) : undefined;
  const total: Amounts = new Map();
  for (const container of pod.spec.containers) add(total, requestsOf(pod, container, statuses, options));
  if (pod.spec.initContainers === undefined) return total;
  const sidecars: Amounts = new Map();
  const initPeak: Amounts = new Map();
  for (const container of pod.spec.initContainers) {
    const isSidecar = container.restartPolicy === 'Always';
    const requests = requestsOf(pod, container, isSidecar ? statuses : undefined, options);
    if (isSidecar) {
      add(total, requests);
      add(sidecars, requests);
      atLeast(initPeak, sidecars);
      continue;
    }
    const whileRunning: Amounts = new Map(sidecars);
    add(whileRunning, requests);
    atLeast(initPeak, whileRunning);
  }
  atLeast(total, initPeak);
  return total;
}

function statusesOf(pod: Pod): ReadonlyMap<string, ContainerStatus> | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  if (containerStatuses.length === 0 && initContainerStatuses.length === 0) return undefined;
  return new Map([...containerStatuses, ...initContainerStatuses].map((status) => [status.name, status]));
}

function requestsOf(
  pod: Pod,
  { name, resources }: Container,
  statuses: ReadonlyMap<string, ContainerStatus> | undefined,
  { missing }: RequestOptions,
): Amounts {
  let requests = amountsOf(resources?.requests);
  const status = statuses?.get(name);
  if (status?.resources !== undefined) {
    requests = effective(pod, requests, status.resources.requests, status.allocatedResources);
  }
  if (missing === undefined) return requests;
  for (const [resource, amount] of missing) if (!requests.has(resource)) requests.set(resource, amount);
  return requests;
}

/** While a resize is under way the larger of the old and the new counts; one that cannot be done does not. */
function effective(
  pod: Pod,
  spec: Amounts,
  actuated: ResourceList | undefined,
  allocated: ResourceList | undefined,
): Amounts {
  const pending = pod.status?.conditions?.find((condition) => condition.type === 'PodResizePending');
  const result: Amounts = pending?.reason === 'Infeasible' ? new Map() : new Map(spec);
  atLeast(result, amountsOf(actuated));
  atLeast(result, amountsOf(allocated));
  return result;
}

function add(into: Amounts, from: Amounts): void {
  for (const [resource, amount] of from) into.set(resource, (into.get(resource) ?? 0) + amount);
}

function atLeast(into: Amounts, from: Amounts): void {
  for (const [resource, amount] of from) into.set(resource, Math.max(into.get(resource) ?? 0, amount));
}
