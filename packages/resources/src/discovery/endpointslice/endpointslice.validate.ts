/** Rules for EndpointSlices. Source: kubernetes pkg/apis/discovery/validation. */
import { nameIsDnsSubdomain, parseIp, validateFullyQualifiedDomainName, validateLabelValue } from '@kapella/api';
import type { Endpoint, EndpointPort, EndpointSlice } from '@kapella/api/types/discovery-v1';
import type { FieldErrors } from '@kapella/base';
import {
  addInvalid,
  checkDnsLabel,
  checkEndpointIp,
  checkEnum,
  checkIp,
  checkQualifiedName,
  PROTOCOLS,
} from '../../support/validation/basic.ts';

const ENDPOINTS_MAX = 1000;
const ADDRESSES_MAX = 100;
const PORTS_MAX = 20_000;
const HINTS_MAX = 8;
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

export function validateEndpointSlice(slice: EndpointSlice, errors: FieldErrors): void {
  check(slice, [], errors);
}

export function validateEndpointSliceUpdate(next: EndpointSlice, old: EndpointSlice, errors: FieldErrors): void {
  check(
    next,
    (old.endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
    errors,
  );
  errors.immutable('addressType', next.addressType, old.addressType);
}

function check(slice: EndpointSlice, known: readonly string[], errors: FieldErrors): void {
  const { addressType, endpoints, ports } = slice;
  checkEnum(addressType, ADDRESS_TYPES, errors, 'addressType', true);
  if ((endpoints?.length ?? 0) > ENDPOINTS_MAX) errors.tooMany('endpoints', endpoints?.length ?? 0, ENDPOINTS_MAX);
  else for (const [i, endpoint] of (endpoints ?? []).entries()) checkEndpoint(endpoint, addressType, known, errors, i);
  if ((ports?.length ?? 0) > PORTS_MAX) errors.tooMany('ports', ports?.length ?? 0, PORTS_MAX);
  else checkPorts(ports ?? [], errors);
}

function checkEndpoint(
  endpoint: Endpoint,
  addressType: string,
  known: readonly string[],
  errors: FieldErrors,
  index: number,
): void {
  const field = `endpoints[${index}]`;
  const { addresses = [], hostname, nodeName, hints } = endpoint;
  if (addresses.length === 0) errors.required(`${field}.addresses`, 'must contain at least 1 address');
  else if (addresses.length > ADDRESSES_MAX) errors.tooMany(`${field}.addresses`, addresses.length, ADDRESSES_MAX);
  for (const [i, address] of addresses.entries()) {
    checkAddress(address, addressType, known, errors, `${field}.addresses[${i}]`);
  }
  if (nodeName !== undefined) addInvalid(errors, `${field}.nodeName`, nodeName, nameIsDnsSubdomain(nodeName, false));
  for (const [key, value] of Object.entries(endpoint.deprecatedTopology ?? {})) {
    checkQualifiedName(key, errors, `${field}.deprecatedTopology`);
    addInvalid(errors, `${field}.deprecatedTopology[${key}]`, value, validateLabelValue(value));
  }
  if (hostname !== undefined) checkDnsLabel(hostname, errors, `${field}.hostname`);
  for (const name of ['forZones', 'forNodes'] as const) {
    const list = hints?.[name] ?? [];
    if (list.length > HINTS_MAX) errors.tooMany(`${field}.hints.${name}`, list.length, HINTS_MAX);
    checkHints(list, name, errors, `${field}.hints.${name}`);
  }
}

function checkHints(
  hints: readonly { readonly name: string }[],
  kind: 'forZones' | 'forNodes',
  errors: FieldErrors,
  field: string,
): void {
  const seen = new Set<string>();
  for (const [i, { name = '' }] of hints.entries()) {
    if (seen.has(name)) errors.duplicate(`${field}[${i}].name`, name);
    seen.add(name);
    const found = kind === 'forZones' ? validateLabelValue(name) : nameIsDnsSubdomain(name, false);
    addInvalid(errors, `${field}[${i}].name`, name, found);
  }
}

function checkAddress(
  address: string,
  addressType: string,
  known: readonly string[],
  errors: FieldErrors,
  field: string,
): void {
  if (addressType === 'FQDN') {
    addInvalid(errors, field, address, validateFullyQualifiedDomainName(address));
    return;
  }
  if (known.includes(address)) return;
  checkIp(address, errors, field);
  const family = parseIp(address)?.family;
  if (addressType === 'IPv4' && family === 6) errors.invalid(field, address, 'must be an IPv4 address');
  if (addressType === 'IPv6' && family === 4) errors.invalid(field, address, 'must be an IPv6 address');
  if (family !== undefined) checkEndpointIp(address, errors, field);
}

function checkPorts(ports: readonly EndpointPort[], errors: FieldErrors): void {
  const names = new Set<string>();
  for (const [i, { name = '', protocol, appProtocol }] of ports.entries()) {
    if (name !== '') checkDnsLabel(name, errors, `ports[${i}].name`);
    if (names.has(name)) errors.duplicate(`ports[${i}].name`, name);
    names.add(name);
    if (protocol === undefined) errors.required(`ports[${i}].protocol`);
    else if (!PROTOCOLS.some((known) => known === protocol)) {
      errors.notSupported(`ports[${i}].protocol`, protocol, [...PROTOCOLS]);
    }
    if (appProtocol !== undefined) checkQualifiedName(appProtocol, errors, `ports[${i}].appProtocol`);
  }
}
