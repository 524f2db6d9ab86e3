/** Rules for NetworkPolicies. Source: kubernetes pkg/apis/networking/validation. */
import {
  type IpNetwork,
  parseCidr,
  validateCidrForLegacyField,
  validateLabelSelector,
  validatePortName,
} from '@kapella/api';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '@kapella/api/types/networking-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkPort } from '../../support/validation/basic.ts';

const TYPES = ['Ingress', 'Egress'];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];

export function validateNetworkPolicy({ spec }: NetworkPolicy, errors: FieldErrors): void {
  if (spec.podSelector !== undefined) validateLabelSelector(spec.podSelector, errors, 'spec.podSelector');
  for (const [i, { ports, from = [] }] of (spec.ingress ?? []).entries()) {
    checkPorts(ports, errors, `spec.ingress[${i}].ports`);
    for (const [j, peer] of from.entries()) checkPeer(peer, errors, `spec.ingress[${i}].from[${j}]`);
  }
  for (const [i, { ports, to = [] }] of (spec.egress ?? []).entries()) {
    checkPorts(ports, errors, `spec.egress[${i}].ports`);
    for (const [j, peer] of to.entries()) checkPeer(peer, errors, `spec.egress[${i}].to[${j}]`);
  }
  const types = spec.policyTypes ?? [];
  if (types.length > TYPES.length) {
    errors.invalid('spec.policyTypes', types, 'may not specify more than two policyTypes');
    return;
  }
  for (const [i, type] of types.entries()) {
    if (!TYPES.includes(type)) errors.notSupported(`spec.policyTypes[${i}]`, type, TYPES);
  }
}

function checkPorts(ports: readonly NetworkPolicyPort[] = [], errors: FieldErrors, field: string): void {
  for (const [i, port] of ports.entries()) checkPolicyPort(port, errors, `${field}[${i}]`);
}

function checkPolicyPort({ protocol, port, endPort }: NetworkPolicyPort, errors: FieldErrors, field: string): void {
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.notSupported(`${field}.protocol`, protocol, PROTOCOLS);
  }
  if (port === undefined) {
    if (endPort !== undefined) {
      errors.invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified');
    }
  } else if (typeof port === 'number') {
    checkPort(port, errors, `${field}.port`);
    if (endPort === undefined) return;
    if (endPort < port) errors.invalid(`${field}.endPort`, port, 'must be greater than or equal to `port`');
    checkPort(endPort, errors, `${field}.endPort`);
  } else {
    if (endPort !== undefined) {
      errors.invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric');
    }
    addInvalid(errors, `${field}.port`, port, validatePortName(port));
  }
}

function checkPeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  errors: FieldErrors,
  field: string,
): void {
  if (podSelector !== undefined) validateLabelSelector(podSelector, errors, `${field}.podSelector`);
  if (namespaceSelector !== undefined) validateLabelSelector(namespaceSelector, errors, `${field}.namespaceSelector`);
  if (ipBlock !== undefined) checkIpBlock(ipBlock, errors, `${field}.ipBlock`);
  const count = [podSelector, namespaceSelector, ipBlock].filter((part) => part !== undefined).length;
  if (count === 0) errors.required(field, 'must specify a peer');
  else if (count > 1 && ipBlock !== undefined) errors.forbidden(field, 'may not specify both ipBlock and another peer');
}

function checkIpBlock({ cidr, except = [] }: IPBlock, errors: FieldErrors, field: string): void {
  if (!cidr) {
    errors.required(`${field}.cidr`);
    return;
  }
  addInvalid(errors, `${field}.cidr`, cidr, validateCidrForLegacyField(cidr));
  const outer = parseCidr(cidr);
  if (outer === undefined) return;
  for (const [i, text] of except.entries()) {
    addInvalid(errors, `${field}.except[${i}]`, text, validateCidrForLegacyField(text));
    const inner = parseCidr(text);
    if (inner === undefined || isStrictSubset(inner, outer)) continue;
    errors.invalid(`${field}.except[${i}]`, text, 'must be a strict subset of `cidr`');
  }
}

function isStrictSubset(inner: IpNetwork, outer: IpNetwork): boolean {
  if (inner.network.family !== outer.network.family || inner.prefixLength <= outer.prefixLength) return false;
  const offset = outer.network.family === 4 ? 96 : 0;
  const bits = offset + outer.prefixLength;
  for (let i = 0; i < 16; i++) {
    const keep = Math.min(Math.max(bits - i * 8, 0), 8);
    const mask = (0xff << (8 - keep)) & 0xff;
    if (((inner.network.bytes[i] ?? 0) & mask) !== ((outer.network.bytes[i] ?? 0) & mask)) return false;
  }
  return true;
}
