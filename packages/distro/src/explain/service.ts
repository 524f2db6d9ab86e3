/** Why a Service has no endpoints. Pure. */
import { selectorFromLabels } from '@kapella/api';
import type { Pod, Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { type Findings, listed, plural } from './findings.ts';

export interface ServiceFacts {
  readonly service: Service;
  /** Of its namespace. */
  readonly pods: readonly Pod[];
  readonly slices: readonly EndpointSlice[];
}

export function explainService({ service, pods, slices }: ServiceFacts): Findings {
  const { spec, metadata } = service;
  const ready = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false);
  if (ready.length > 0) {
    const addresses = ready.flatMap(({ addresses }) => addresses);
    return { answer: `it has ${plural(ready.length, 'ready endpoint')}: ${listed(addresses)}`, because: [], fixes: [] };
  }
  if (spec.type === 'ExternalName') return { answer: `it is a name for ${spec.externalName}`, because: [], fixes: [] };
  const { selector } = spec;
  if (selector === undefined || Object.keys(selector).length === 0) {
    return {
      answer: 'it selects no Pods: it has no selector',
      because: ['Its endpoints are whoever writes EndpointSlices for it; there are none that are ready.'],
      fixes: [
        `Give it a selector, or write an EndpointSlice with the label kubernetes.io/service-name: ${metadata.name}.`,
      ],
    };
  }
  const matched = pods.filter((pod) => selectorFromLabels(selector).matches(pod.metadata.labels));
  return matched.length === 0 ? nobodyMatches(selector, pods) : nobodyReady(service, matched);
}

function nobodyMatches(selector: Readonly<Record<string, string>>, pods: readonly Pod[]): Findings {
  const pairs = Object.entries(selector);
  const text = pairs.map(([key, value]) => `${key}=${value}`).join(',');
  const near = pairs
    .map(([key, value]) => ({
      key,
      others: [
        ...new Set(pods.map(({ metadata }) => metadata.labels?.[key]).filter((v) => v !== undefined && v !== value)),
      ],
    }))
    .filter(({ others }) => others.length > 0);
  return {
    answer: `no Pod of its namespace has the labels that it selects: ${text}`,
    because: [
      `There ${pods.length === 1 ? 'is' : 'are'} ${plural(pods.length, 'Pod')} in the namespace.`,
      ...near.map(({ key, others }) => `Pods there have ${key}=${listed(others as string[])} instead.`),
    ],
    fixes: ['Start such Pods, or make selector and labels agree.'],
  };
}

function nobodyReady({ spec }: Service, pods: readonly Pod[]): Findings {
  const rows = pods.map((pod) => [pod.metadata.name, whyNotReady(pod)]);
  const missing = missingPorts(spec, pods);
  const unready = rows.filter(([, why]) => why !== 'ready');
  const answer =
    unready.length > 0
      ? `it selects ${plural(pods.length, 'Pod')}, and none is ready`
      : `its ${plural(pods.length, 'Pod')} do not have the port that it names: ${listed(missing)}`;
  return {
    answer,
    because: missing.length > 0 && unready.length > 0 ? [`No container has a port named ${listed(missing)}.`] : [],
    table: { head: ['POD', 'WHY'], rows },
    fixes: [
      ...(unready[0] === undefined ? [] : [`See one of them: kapella explain pod ${unready[0][0]}`]),
      ...(missing.length > 0 ? [`Name a container's port ${missing[0]}, or give targetPort a number.`] : []),
      ...(unready.length > 0 ? ['publishNotReadyAddresses: true publishes them all the same.'] : []),
    ],
  };
}

function whyNotReady({ metadata, status, spec }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'is being deleted';
  if (!spec.nodeName) return 'is on no node';
  if (!status?.podIP) return `${status?.phase ?? 'Unknown'}, without an address`;
  const isReady = status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
  return isReady ? 'ready' : `${status.phase}, not ready`;
}

/** Names of target ports that no container has. */
function missingPorts({ ports = [] }: Service['spec'], pods: readonly Pod[]): string[] {
  const names = new Set(
    pods.flatMap(({ spec }) => spec.containers.flatMap(({ ports: own = [] }) => own.map(({ name }) => name))),
  );
  return ports
    .map(({ targetPort }) => targetPort)
    .filter((port): port is string => typeof port === 'string' && !names.has(port));
}
