/** discovery.k8s.io/v1 EndpointSlice, as the API server sees it. Source: kubernetes pkg/registry/discovery/endpointslice. */
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { listWithMore } from '../../support/format.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './endpointslice.validate.ts';

const SHOWN_MAX = 3;

export const endpointSliceResource = defineResource<EndpointSlice>({
  id: {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    singular: 'endpointslice',
  },
  scope: 'namespaced',
  generationBumpsOn: ['addressType', 'endpoints', 'ports'],
  columns: [
    nameColumn(),
    { name: 'AddressType', value: (slice) => slice.addressType ?? '' },
    {
      name: 'Ports',
      value: ({ ports = [] }) =>
        listWithMore(
          ports.map(({ port, name }) => String(port ?? name ?? '*')),
          SHOWN_MAX,
        ),
    },
    {
      name: 'Endpoints',
      value: ({ endpoints }) =>
        listWithMore(
          (endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
          SHOWN_MAX,
        ),
    },
    ageColumn(),
  ],
  withDefaults: (slice) => ({
    ...slice,
    endpoints: slice.endpoints ?? [],
    ports: (slice.ports ?? []).map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' })),
  }),
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  allowUnconditionalUpdate: true,
});
