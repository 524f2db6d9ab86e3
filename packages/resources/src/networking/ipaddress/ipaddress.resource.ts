/** networking.k8s.io/v1 IPAddress, as the API server sees it. Source: kubernetes pkg/registry/networking/ipaddress. */
import type { IPAddress } from '@kapella/api/types/networking-v1';
import { defineResource } from '@kapella/apiserver';
import { nameColumn } from '../../support/columns.ts';
import { validateIpAddress, validateIpAddressUpdate } from './ipaddress.validate.ts';

export const ipAddressResource = defineResource<IPAddress>({
  id: { group: 'networking.k8s.io', version: 'v1', kind: 'IPAddress', plural: 'ipaddresses', singular: 'ipaddress' },
  names: { short: ['ip'] },
  scope: 'cluster',
  columns: [nameColumn(), { name: 'ParentRef', value: parentText }],
  selectableFields: { 'spec.parentRef.namespace': ({ spec }) => spec?.parentRef?.namespace ?? '' },
  validate: validateIpAddress,
  validateUpdate: validateIpAddressUpdate,
  nameRule: 'path-segment',
  allowUnconditionalUpdate: true,
});

function parentText({ spec }: IPAddress): string {
  const ref = spec?.parentRef;
  if (ref === undefined) return '<none>';
  const resource = `${ref.resource}${ref.group ? `.${ref.group}` : ''}`.toLowerCase();
  return `${resource}${ref.namespace ? `/${ref.namespace}` : ''}/${ref.name}`;
}
