/** Defaults and bounds of resources by namespace. Source: kubernetes plugin/pkg/admission/limitranger/admission.go. */
import { coreV1, Quantity } from '@kapella/api';
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { type Amounts, parseAmounts, podAmounts } from '../../support/resources.ts';
import { asObject, isFor, isPodCreate, podOf, refuse, withSpec } from '../../support/request.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  handles: (request) =>
    request.subresource === '' &&
    (isPodCreate(request) ||
      (isFor(request, 'persistentvolumeclaims') && (request.operation === 'CREATE' || request.operation === 'UPDATE'))),

  async admit(request, server) {
    if (!isFor(request, 'pods')) return undefined;
    let pod = podOf(request);
    for (const range of await server.list(coreV1.LimitRange, request.namespace)) pod = withDefaults(pod, range);
    return asObject(pod);
  },

  async validate(request, server) {
    if (request.oldObject?.metadata?.deletionTimestamp !== undefined) return;
    for (const range of await server.list(coreV1.LimitRange, request.namespace)) {
      const found = isFor(request, 'pods')
        ? podProblems(podOf(request), range)
        : claimProblems(withSpec<PersistentVolumeClaim>(request.object), range);
      if (found.length > 0) throw refuse(request, found.length === 1 ? (found[0] ?? '') : `[${found.join(', ')}]`);
    }
  },
};

function withDefaults(pod: Pod, range: LimitRange): Pod {
  const items = range.spec.limits.filter((item) => item.type === 'Container');
  const requests = Object.assign({}, ...items.map((item) => item.defaultRequest)) as Record<string, string>;
  const limits = Object.assign({}, ...items.map((item) => item.default)) as Record<string, string>;
  const notes: string[] = [];
  const fill = (kind: string) => (container: Container) => {
    const has = container.resources ?? {};
    const missing = (all: Record<string, string>, own: object = {}) =>
      Object.keys(all)
        .filter((name) => !Object.hasOwn(own, name))
        .sort();
    const newRequests = missing(requests, has.requests);
    const newLimits = missing(limits, has.limits);
    if (newRequests.length > 0) notes.push(`${newRequests.join(', ')} request for ${kind} ${container.name}`);
    if (newLimits.length > 0) notes.push(`${newLimits.join(', ')} limit for ${kind} ${container.name}`);
    if (newRequests.length + newLimits.length === 0) return container;
    const resources = { ...has, limits: { ...limits, ...has.limits }, requests: { ...requests, ...has.requests } };
    return { ...container, resources };
  };
  const containers = pod.spec.containers.map(fill('container'));
  const initContainers = pod.spec.initContainers?.map(fill('init container'));
  if (notes.length === 0) return pod;
  const annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}` };
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations },
    spec: { ...pod.spec, containers, ...(initContainers && { initContainers }) },
  };
}

function podProblems({ spec }: Pod, range: LimitRange): string[] {
  const found: string[] = [];
  for (const item of range.spec.limits) {
    if (item.type === 'Container') {
      for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
        found.push(...problems(item, parseAmounts(resources?.requests), parseAmounts(resources?.limits)));
      }
    } else if (item.type === 'Pod') {
      found.push(...problems(item, podAmounts(spec, 'requests'), podAmounts(spec, 'limits')));
    }
  }
  return found;
}

function problems(item: LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  return [
    ...Object.entries(item.min ?? {}).map(([name, bound]) => belowMin(item.type, name, bound, requests, limits)),
    ...Object.entries(item.max ?? {}).map(([name, bound]) => aboveMax(item.type, name, bound, requests, limits)),
    ...Object.entries(item.maxLimitRequestRatio ?? {}).map(([name, bound]) =>
      ratio(item.type, name, bound, requests, limits),
    ),
  ].filter((text) => text !== undefined);
}

function belowMin(type: string, name: string, bound: string, requests: Amounts, limits: Amounts): string | undefined {
  const min = Quantity.parse(bound);
  const request = requests.get(name);
  const limit = limits.get(name);
  const head = `minimum ${name} usage per ${type} is ${min}`;
  if (request === undefined) return `${head}.  No request is specified`;
  if (request.compare(min) < 0) return `${head}, but request is ${request}`;
  return limit !== undefined && limit.compare(min) < 0 ? `${head}, but limit is ${limit}` : undefined;
}

function aboveMax(type: string, name: string, bound: string, requests: Amounts, limits: Amounts): string | undefined {
  const max = Quantity.parse(bound);
  const request = requests.get(name);
  const limit = limits.get(name);
  const head = `maximum ${name} usage per ${type} is ${max}`;
  if (limit === undefined) return `${head}.  No limit is specified`;
  if (limit.compare(max) > 0) return `${head}, but limit is ${limit}`;
  return request !== undefined && request.compare(max) > 0 ? `${head}, but request is ${request}` : undefined;
}

function ratio(type: string, name: string, bound: string, requests: Amounts, limits: Amounts): string | undefined {
  const max = Quantity.parse(bound);
  const request = requests.get(name);
  const limit = limits.get(name);
  const head = `${name} max limit to request ratio per ${type} is ${max}`;
  if (request === undefined || request.isZero) return `${head}, but no request is specified or request is 0`;
  if (limit === undefined || limit.isZero) return `${head}, but no limit is specified or limit is 0`;
  const actual = limit.toNumber() / request.toNumber();
  return actual > max.toNumber() ? `${head}, but provided ratio is ${actual.toFixed(6)}` : undefined;
}

function claimProblems({ spec }: PersistentVolumeClaim, range: LimitRange): string[] {
  const requests = parseAmounts(spec.resources?.requests);
  return range.spec.limits
    .filter((item) => item.type === 'PersistentVolumeClaim')
    .flatMap((item) => [
      ...Object.entries(item.min ?? {}).map(([name, bound]) => belowMin(item.type, name, bound, requests, new Map())),
      ...Object.entries(item.max ?? {}).map(([name, bound]) => requestAboveMax(item.type, name, bound, requests)),
    ])
    .filter((text) => text !== undefined);
}

function requestAboveMax(type: string, name: string, bound: string, requests: Amounts): string | undefined {
  const max = Quantity.parse(bound);
  const request = requests.get(name);
  const head = `maximum ${name} usage per ${type} is ${max}`;
  if (request === undefined) return `${head}.  No request is specified`;
  return request.compare(max) > 0 ? `${head}, but request is ${request}` : undefined;
}
