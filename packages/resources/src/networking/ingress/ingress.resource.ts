/** networking.k8s.io/v1 Ingress, as the API server sees it. Source: kubernetes pkg/registry/networking/ingress. */
import type { Ingress } from '@kapella/api/types/networking-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { loadBalancerText } from '../../support/load-balancer.ts';
import { validateIngress, validateIngressUpdate } from './ingress.validate.ts';

export const ingressResource = defineResource<Ingress>({
  id: { group: 'networking.k8s.io', version: 'v1', kind: 'Ingress', plural: 'ingresses', singular: 'ingress' },
  names: { short: ['ing'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'] } },
  columns: [
    nameColumn(),
    { name: 'Class', value: ({ spec }) => spec.ingressClassName ?? '<none>' },
    { name: 'Hosts', value: hostsText },
    { name: 'Address', value: ({ status }) => loadBalancerText(status?.loadBalancer?.ingress) },
    { name: 'Ports', value: ({ spec }) => ((spec.tls?.length ?? 0) > 0 ? '80, 443' : '80') },
    ageColumn(),
  ],
  withDefaults: (ingress) => ({ ...ingress, spec: ingress.spec ?? {} }),
  validate: validateIngress,
  validateUpdate: validateIngressUpdate,
  allowUnconditionalUpdate: true,
});

const SHOWN_MAX = 3;

function hostsText({ spec: { rules = [] } }: Ingress): string {
  const shown: string[] = [];
  for (const { host } of rules) if (host && shown.length < SHOWN_MAX) shown.push(host);
  if (shown.length === 0) return '*';
  // As upstream: what is not shown counts rules, not hosts.
  const full = rules.findIndex((_, i) => rules.slice(0, i).filter(({ host }) => host).length === SHOWN_MAX);
  return full < 0 ? shown.join(',') : `${shown.join(',')} + ${rules.length - SHOWN_MAX} more...`;
}
