/** v1 Endpoints, as the API server sees it. Source: kubernetes pkg/registry/core/endpoint. */
import type { Endpoints } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateEndpoints, validateEndpointsUpdate } from './endpoints.validate.ts';

const SHOWN_MAX = 3;
const DEPRECATION = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';

export const endpointsResource = defineResource<Endpoints>({
  id: { group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', singular: 'endpoints' },
  names: { short: ['ep'] },
  scope: 'namespaced',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  columns: [nameColumn(), { name: 'Endpoints', value: endpointsText }, ageColumn()],
  withDefaults: (endpoints) => ({
    ...endpoints,
    ...(endpoints.subsets && {
      subsets: endpoints.subsets.map((subset) => ({
        ...subset,
        ...(subset.ports && { ports: subset.ports.map((port) => ({ ...port, protocol: port.protocol || 'TCP' })) }),
      })),
    }),
  }),
  validate: validateEndpoints,
  validateUpdate: validateEndpointsUpdate,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  warnings: () => [DEPRECATION],
});

function endpointsText({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return '<none>';
  const places: string[] = [];
  for (const { addresses = [], ports = [] } of subsets) {
    if (ports.length === 0) places.push(...addresses.map(({ ip }) => ip));
    for (const { port } of ports) {
      places.push(...addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
    }
  }
  const shown = places.slice(0, SHOWN_MAX).join(',');
  return places.length > SHOWN_MAX ? `${shown} + ${places.length - SHOWN_MAX} more...` : shown;
}
