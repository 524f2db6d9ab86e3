/** Rules for Nodes. Source: kubernetes pkg/apis/core/validation, ValidateNode. */
import { parseCidr, validateCidrForLegacyField, validateLabelName, validateLabelValue } from '@kapella/api';
import type { Node, Taint } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { addInvalid } from '../../support/validation/basic.ts';
import { checkQuantityValue } from '../../support/validation/quantities.ts';

export function validateNode(node: Node, errors: FieldErrors): void {
  checkTaints(node.spec?.taints ?? [], errors);
  checkResources(node, errors);
  const cidrs = node.spec?.podCIDRs ?? [];
  for (const [i, cidr] of cidrs.entries()) {
    addInvalid(errors, `spec.podCIDRs[${i}]`, cidr, validateCidrForLegacyField(cidr));
  }
  if (cidrs.length > 1) {
    const families = new Set(cidrs.map((cidr) => parseCidr(cidr)?.address.family));
    if (families.size < 2 || cidrs.length > 2) {
      errors.invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family');
    }
  }
}

export function validateNodeUpdate(next: Node, old: Node, errors: FieldErrors): void {
  checkResources(next, errors);
  const addresses = new Set<string>();
  for (const [i, address] of (next.status?.addresses ?? []).entries()) {
    const key = JSON.stringify([address.type, address.address]);
    if (addresses.has(key)) errors.duplicate(`status.addresses[${i}]`, address);
    addresses.add(key);
  }
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !jsonEqual(before, next.spec?.podCIDRs ?? [])) {
    errors.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  }
  if (old.spec?.providerID && old.spec.providerID !== next.spec?.providerID) {
    errors.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
  }
  checkTaints(next.spec?.taints ?? [], errors);
  if ((next.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) {
    errors.forbidden('spec.externalID', 'may not be updated');
  }
}

function checkResources({ status }: Node, errors: FieldErrors): void {
  for (const part of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(status?.[part] ?? {})) {
      checkQuantityValue(name, amount, errors, `status.${part}.${name}`);
    }
  }
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function checkTaints(taints: readonly Taint[], errors: FieldErrors): void {
  const seen = new Set<string>();
  for (const [i, { key, value = '', effect }] of taints.entries()) {
    const field = `metadata.taints[${i}]`;
    validateLabelName(key ?? '', errors, `${field}.key`);
    const wrong = validateLabelValue(value);
    if (wrong.length > 0) errors.invalid(`${field}.value`, value, wrong.join(';'));
    if (!effect) errors.required(`${field}.effect`);
    else if (!EFFECTS.includes(effect)) errors.notSupported(`${field}.effect`, effect, EFFECTS);
    const pair = `${effect}/${key}`;
    if (seen.has(pair)) errors.duplicate(field, taints[i], 'taints must be unique by key and effect pair');
    seen.add(pair);
  }
}
