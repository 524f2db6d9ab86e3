/** networking.k8s.io/v1 NetworkPolicy, as the API server sees it. Source: kubernetes pkg/registry/networking/networkpolicy. */
import type { NetworkPolicy, NetworkPolicyPort } from '@kapella/api/types/networking-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { formatSelector } from '../../support/format.ts';
import { validateNetworkPolicy } from './networkpolicy.validate.ts';

export const networkPolicyResource = defineResource<NetworkPolicy>({
  id: {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    singular: 'networkpolicy',
  },
  names: { short: ['netpol'] },
  scope: 'namespaced',
  generationBumpsOn: ['spec'],
  columns: [nameColumn(), { name: 'Pod-Selector', value: ({ spec }) => formatSelector(spec.podSelector) }, ageColumn()],
  withDefaults(policy) {
    const spec = policy.spec ?? {};
    const types = spec.egress?.length ? (['Ingress', 'Egress'] as const) : (['Ingress'] as const);
    return {
      ...policy,
      spec: {
        ...spec,
        podSelector: spec.podSelector ?? {},
        ...(spec.ingress && { ingress: spec.ingress.map(withPorts) }),
        ...(spec.egress && { egress: spec.egress.map(withPorts) }),
        policyTypes: spec.policyTypes?.length ? spec.policyTypes : types,
      },
    };
  },
  validate: validateNetworkPolicy,
  validateUpdate: (next, _old, errors) => validateNetworkPolicy(next, errors),
  allowUnconditionalUpdate: true,
});

function withPorts<R extends { readonly ports?: readonly NetworkPolicyPort[] }>(rule: R): R {
  if (rule.ports === undefined) return rule;
  return { ...rule, ports: rule.ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })) };
}
