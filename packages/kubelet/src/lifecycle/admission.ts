/**
 * Whether this node takes a Pod that was given to it: the scheduler was asked about an older picture of the node, and who
 * sets spec.nodeName asks nobody. Source: kubernetes pkg/kubelet/lifecycle/predicate.go, pkg/scheduler AdmissionCheck.
 */
import type { Pod } from '@kapella/api/types/core-v1';
import { quantityValue } from '@kapella/api';
import { isSidecar } from './observed.ts';
import { podAmounts } from './qos.ts';

/** What all Pods of the node share. */
export interface NodeRoom {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly ephemeralBytes: number;
  readonly podsMax: number;
}

export interface Rejection {
  /** `OutOfcpu`, `NodePorts`. */
  readonly reason: string;
  readonly message: string;
}

/** `others`: the Pods that are on the node and not over. undefined = it is taken. */
export const judgeAdmission = (pod: Pod, others: readonly Pod[], room: NodeRoom): Rejection | undefined =>
  foreignSystem(pod) ?? judgeRoom(pod, others, room) ?? portConflict(pod, others);

/** All but the amounts: nobody is pushed off a node for these. */
export const judgeFit = (pod: Pod, others: readonly Pod[]): Rejection | undefined =>
  foreignSystem(pod) ?? portConflict(pod, others);

function foreignSystem({ spec }: Pod): Rejection | undefined {
  if (spec.os?.name === undefined || spec.os.name === 'linux') return undefined;
  return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
}

/** How much of a resource is missing for a Pod. */
export interface Lack {
  readonly name: string;
  readonly reason: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
  /** More than nothing. */
  readonly amount: number;
  /** How much of it a Pod asks for. */
  amountOf(pod: Pod): number;
}

interface Need {
  readonly name: string;
  readonly reason: string;
  readonly capacity: number;
  amountOf(pod: Pod): number;
}

const needs = (room: NodeRoom): readonly Need[] => [
  { name: 'pods', reason: 'OutOfpods', capacity: room.podsMax, amountOf: () => 1 },
  {
    name: 'cpu',
    reason: 'OutOfcpu',
    capacity: room.cpuMilli,
    amountOf: ({ spec }) => podAmounts(spec).cpuRequestMilli,
  },
  {
    name: 'memory',
    reason: 'OutOfmemory',
    capacity: room.memoryBytes,
    amountOf: ({ spec }) => podAmounts(spec).memoryRequestBytes,
  },
  {
    name: 'ephemeral-storage',
    reason: 'OutOfephemeral-storage',
    capacity: room.ephemeralBytes,
    amountOf: ephemeralRequest,
  },
];

/** What the whole node does not have, as a message; undefined = it has enough when nobody else is there. */
export function overCapacity(pod: Pod, room: NodeRoom): string | undefined {
  const need = needs(room).find(({ amountOf, capacity }) => amountOf(pod) > capacity);
  if (need === undefined) return undefined;
  const amounts = `requested: ${need.amountOf(pod)}, capacity: ${need.capacity}`;
  return `Node didn't have enough capacity: ${need.name}, ${amounts}`;
}

/** Every resource that is short beside the others. */
export function lacksOf(pod: Pod, others: readonly Pod[], room: NodeRoom): readonly Lack[] {
  return needs(room).flatMap(({ name, reason, capacity, amountOf }) => {
    const requested = amountOf(pod);
    if (requested === 0) return [];
    const used = others.reduce((sum, other) => sum + amountOf(other), 0);
    const amount = requested + used - capacity;
    return amount > 0 ? [{ name, reason, requested, used, capacity, amount, amountOf }] : [];
  });
}

/** The first of them as a rejection. */
export function judgeRoom(pod: Pod, others: readonly Pod[], room: NodeRoom): Rejection | undefined {
  const [first] = lacksOf(pod, others, room);
  if (first === undefined) return undefined;
  const { name, reason, requested, used, capacity } = first;
  const amounts = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return { reason, message: `Node didn't have enough resource: ${name}, ${amounts}` };
}

function ephemeralRequest({ spec }: Pod): number {
  return spec.containers.reduce((sum, { resources }) => {
    const text = resources?.requests?.['ephemeral-storage'];
    return text === undefined ? sum : sum + quantityValue(text);
  }, 0);
}

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const ANY = '0.0.0.0';

function hostPorts({ spec }: Pod): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(isSidecar);
  return [...sidecars, ...spec.containers].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort = 0 }) => hostPort > 0)
      .map(({ hostPort = 0, hostIP, protocol = 'TCP' }) => ({ ip: hostIP || ANY, protocol, port: hostPort })),
  );
}

function portConflict(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return undefined;
  const taken = others.flatMap(hostPorts);
  const clashes = (a: HostPort, b: HostPort) =>
    a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === ANY || b.ip === ANY);
  if (!wanted.some((port) => taken.some((other) => clashes(port, other)))) return undefined;
  const why = "node(s) didn't have free ports for the requested pod ports";
  return { reason: 'NodePorts', message: `Predicate NodePorts failed: ${why}` };
}
