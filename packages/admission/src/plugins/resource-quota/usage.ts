/** What an object counts for. Source: kubernetes pkg/quota/v1/evaluator/core. */
import { Quantity, type UnknownObject } from '@kapella/api';
import type { PersistentVolumeClaim, Pod, Service } from '@kapella/api/types/core-v1';
import type { AdmissionRequest } from '@kapella/apiserver';
import { addAmounts, type Amounts, parseAmounts, podAmounts } from '../../support/resources.ts';
import { withSpec } from '../../support/request.ts';

/** Kinds that have a plain name of their own beside `count/…`. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

export function usageOf(request: AdmissionRequest, object: UnknownObject | undefined): Amounts {
  if (object === undefined) return new Map();
  const { group, resource } = request.resource;
  const one = Quantity.of(1);
  const count = new Map([[`count/${resource}${group === '' ? '' : `.${group}`}`, one]]);
  if (group !== '') return count;
  if (OWN_NAMES.has(resource)) count.set(resource, one);
  switch (resource) {
    case 'pods':
      return addAmounts(count, podUsage(withSpec<Pod>(object)));
    case 'services':
      return addAmounts(count, serviceUsage(withSpec<Service>(object)));
    case 'persistentvolumeclaims':
      return addAmounts(count, claimUsage(withSpec<PersistentVolumeClaim>(object)));
    default:
      return count;
  }
}

/** A Pod that has ended holds nothing but its place among the objects. */
function podUsage({ spec, status }: Pod): Amounts {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return new Map();
  const usage = new Map([['pods', Quantity.of(1)]]);
  const requests = podAmounts(spec, 'requests');
  const limits = podAmounts(spec, 'limits');
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const request = requests.get(name);
    const limit = limits.get(name);
    if (request !== undefined) usage.set(name, request).set(`requests.${name}`, request);
    if (limit !== undefined) usage.set(`limits.${name}`, limit);
  }
  for (const [name, amount] of requests) {
    if (name.startsWith('hugepages-')) usage.set(name, amount).set(`requests.${name}`, amount);
    else if (name.includes('/') && !name.includes('kubernetes.io/')) usage.set(`requests.${name}`, amount);
  }
  return usage;
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = Quantity.of(spec.ports?.length ?? 0);
  const usage = new Map<string, Quantity>();
  if (spec.type === 'NodePort') usage.set('services.nodeports', ports);
  if (spec.type === 'LoadBalancer') {
    usage.set('services.loadbalancers', Quantity.of(1));
    const given = (spec.ports ?? []).filter((port) => port.nodePort).length;
    usage.set('services.nodeports', spec.allocateLoadBalancerNodePorts === false ? Quantity.of(given) : ports);
  }
  return usage;
}

function claimUsage({ spec }: PersistentVolumeClaim): Amounts {
  const size = parseAmounts(spec.resources?.requests).get('storage') ?? Quantity.zero;
  const usage = new Map([['requests.storage', size]]);
  const name = spec.storageClassName;
  if (!name) return usage;
  const prefix = `${name}.storageclass.storage.k8s.io`;
  return usage.set(`${prefix}/requests.storage`, size).set(`${prefix}/persistentvolumeclaims`, Quantity.of(1));
}
