/** What `kubectl get services` prints. Source: kubernetes pkg/printers/internalversion/printers.go, printService. */
import type { Service } from '@kapella/api/types/core-v1';
import type { Column } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { formatLabels } from '../../support/format.ts';
import { loadBalancerText } from '../../support/load-balancer.ts';

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn(),
  { name: 'Type', value: (service) => service.spec.type ?? '' },
  { name: 'Cluster-IP', value: (service) => service.spec.clusterIPs?.[0] ?? '<none>' },
  { name: 'External-IP', value: externalIp },
  { name: 'Port(s)', value: ports },
  ageColumn(),
  { name: 'Selector', wide: true, value: (service) => formatLabels(service.spec.selector) },
];

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return external.length > 0 ? external.join(',') : '<none>';
  const balanced = loadBalancerText(status?.loadBalancer?.ingress);
  const all = [...(balanced === '' ? [] : [balanced]), ...external].join(',');
  return all === '' ? '<pending>' : all;
}

function ports({ spec }: Service): string {
  const pieces = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return pieces.length === 0 ? '<none>' : pieces.join(',');
}
