/**
 * What is wrong with one address, and what to do about it. Source: ipallocator/controller/repairip.go.
 */
import type { IPAddress } from '@kapella/api/types/networking-v1';
import { parseTime } from '@kapella/base';
import { ALLOCATOR, FAMILY_LABEL, MANAGED_BY_LABEL } from './address-index.ts';

/** A Service that is not there yet may be under way this long. */
const GRACE_MS = 60_000;
/** The record of a Service that exists is younger than the Service while a write is taken back. */
const YOUNG_MS = 5_000;

export interface AddressFacts {
  readonly ip: string;
  readonly record: IPAddress | undefined;
  /** Keys of the Services that have the address in their spec. */
  readonly holders: readonly string[];
  readonly isInNetworks: boolean;
  /** Whether the Service that the record names exists, and of which type it is. */
  readonly parent: { readonly type: string; readonly createdMs: number } | undefined;
  readonly nowMs: number;
}

export interface RepairEvent {
  /** Key of the Service, or undefined for the record itself. */
  readonly service: string | undefined;
  readonly reason: string;
  readonly message: string;
}

export interface Repair {
  readonly events: readonly RepairEvent[];
  readonly remove: boolean;
  /** Key of the Service that the address is recorded for anew. */
  readonly recordFor: string | undefined;
  /** To be looked at again then. */
  readonly againMs: number | undefined;
}

const NOTHING: Repair = { events: [], remove: false, recordFor: undefined, againMs: undefined };

/** Pure. */
export function planRepair(facts: AddressFacts): Repair {
  const [first] = facts.holders;
  return first === undefined ? planUnheld(facts) : planHeld(facts, first);
}

function planHeld({ ip, record, holders, isInNetworks }: AddressFacts, first: string): Repair {
  const family = ip.includes(':') ? 'IPv6' : 'IPv4';
  if (!isInNetworks) {
    const message = `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`;
    return { ...NOTHING, events: holders.map((service) => ({ service, reason: 'ClusterIPOutOfRange', message })) };
  }
  const parent = parentOf(record);
  const rightful = parent !== undefined && holders.includes(parent) ? parent : undefined;
  const others = holders.filter((key) => key !== (rightful ?? first));
  const duplicate = `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`;
  const events: RepairEvent[] = others.map((service) => ({
    service,
    reason: 'ClusterIPAlreadyAllocated',
    message: duplicate,
  }));
  if (record === undefined) {
    const message = `Cluster IP [${family}]: ${ip} is not allocated; repairing`;
    return {
      ...NOTHING,
      events: [...events, { service: first, reason: 'ClusterIPNotAllocated', message }],
      recordFor: first,
    };
  }
  if (rightful === undefined) {
    const message = `the ClusterIP [${family}]: ${ip} for Service ${first} has a wrong reference; repairing`;
    const event = { service: first, reason: 'ClusterIPNotAllocated', message };
    return { ...NOTHING, events: [...events, event], remove: true, recordFor: first };
  }
  if (hasLabels(record, family)) return { ...NOTHING, events };
  return { ...NOTHING, events, remove: true, recordFor: rightful };
}

function planUnheld({ ip, record, parent, nowMs }: AddressFacts): Repair {
  if (record === undefined || record.metadata.labels?.[MANAGED_BY_LABEL] !== ALLOCATOR) return NOTHING;
  const { group = '', resource = '', namespace = '', name = '' } = record.spec?.parentRef ?? {};
  const removal = (reason: string, message: string): Repair => ({
    ...NOTHING,
    events: [{ service: undefined, reason, message }],
    remove: true,
  });
  if (group !== '' || resource !== 'services') {
    const what = JSON.stringify(record.spec?.parentRef ?? {});
    const why = `IPAddress ${ip} appears to have been modified, not referencing a Service ${what}: cleaning up`;
    return removal('IPAddressNotAllocated', why);
  }
  const createdMs = parseTime(record.metadata.creationTimestamp) ?? 0;
  const ageMs = nowMs - createdMs;
  const graceMs = parent === undefined || parent.type === 'ExternalName' ? GRACE_MS : YOUNG_MS;
  const mayBeUnderWay = parent === undefined || parent.type === 'ExternalName' || createdMs >= parent.createdMs;
  if (mayBeUnderWay && ageMs < graceMs) return { ...NOTHING, againMs: graceMs - ageMs };
  if (parent === undefined) {
    const why = `IPAddress: ${ip} for Service ${namespace}/${name} appears to have leaked: cleaning up`;
    return removal('IPAddressNotAllocated', why);
  }
  const why = `IPAddress: ${ip} for Service ${namespace}/${name} has a wrong reference; cleaning up`;
  return removal('IPAddressWrongReference', why);
}

/** Key of the Service that a record names; undefined: it names none. */
export function parentOf(record: IPAddress | undefined): string | undefined {
  const { group = '', resource = '', namespace = '', name = '' } = record?.spec?.parentRef ?? {};
  return group === '' && resource === 'services' ? `${namespace}/${name}` : undefined;
}

function hasLabels({ metadata }: IPAddress, family: string): boolean {
  return metadata.labels?.[FAMILY_LABEL] === family && metadata.labels[MANAGED_BY_LABEL] === ALLOCATOR;
}

/** What is wrong with a node port; nothing is repaired. Source: portallocator/controller/repair.go. */
export function portProblems(
  port: number,
  holders: readonly string[],
  isInRange: boolean,
  range: string,
): readonly RepairEvent[] {
  if (holders.length === 0) return [];
  if (!isInRange) {
    const message = `Port ${port} is not within the port range ${range}; please recreate service`;
    return holders.map((service) => ({ service, reason: 'PortOutOfRange', message }));
  }
  const message = `Port ${port} was assigned to multiple services; please recreate service`;
  return holders.slice(1).map((service) => ({ service, reason: 'PortAlreadyAllocated', message }));
}
