/** Rules for Endpoints. Source: kubernetes pkg/apis/core/validation, ValidateEndpoints. */
import type { EndpointAddress, EndpointPort, Endpoints } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkEndpointIp,
  checkEnum,
  checkIp,
  checkPort,
  checkQualifiedName,
  PROTOCOLS,
} from '../../support/validation/basic.ts';

export function validateEndpoints(endpoints: Endpoints, errors: FieldErrors): void {
  check(endpoints, [], errors);
}

export function validateEndpointsUpdate(next: Endpoints, old: Endpoints, errors: FieldErrors): void {
  const known = (old.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) => [
    ...addresses.map(({ ip }) => ip),
    ...notReadyAddresses.map(({ ip }) => ip),
  ]);
  if (!jsonEqual(next.subsets, old.subsets)) check(next, known, errors);
}

function check({ subsets = [] }: Endpoints, known: readonly string[], errors: FieldErrors): void {
  for (const [i, { addresses = [], notReadyAddresses = [], ports = [] }] of subsets.entries()) {
    const field = `subsets[${i}]`;
    if (addresses.length + notReadyAddresses.length === 0) {
      errors.required(field, 'must specify `addresses` or `notReadyAddresses`');
    }
    for (const [j, address] of addresses.entries()) checkAddress(address, known, errors, `${field}.addresses[${j}]`);
    for (const [j, address] of notReadyAddresses.entries()) {
      checkAddress(address, known, errors, `${field}.notReadyAddresses[${j}]`);
    }
    for (const [j, port] of ports.entries()) checkEndpointPort(port, ports.length > 1, errors, `${field}.ports[${j}]`);
  }
}

function checkAddress(address: EndpointAddress, known: readonly string[], errors: FieldErrors, field: string): void {
  if (checkIp(address.ip, errors, `${field}.ip`, known) && !known.includes(address.ip)) {
    checkEndpointIp(address.ip, errors, `${field}.ip`);
  }
  if (address.hostname) checkDnsLabel(address.hostname, errors, `${field}.hostname`);
  if (address.nodeName !== undefined) checkDnsSubdomain(address.nodeName, errors, `${field}.nodeName`);
}

function checkEndpointPort(port: EndpointPort, requireName: boolean, errors: FieldErrors, field: string): void {
  if (requireName && !port.name) errors.required(`${field}.name`);
  else if (port.name) checkDnsLabel(port.name, errors, `${field}.name`);
  checkPort(port.port, errors, `${field}.port`);
  checkEnum(port.protocol, PROTOCOLS, errors, `${field}.protocol`, true);
  if (port.appProtocol !== undefined) checkQualifiedName(port.appProtocol, errors, `${field}.appProtocol`);
}
