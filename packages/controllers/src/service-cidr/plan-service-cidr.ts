/** What becomes of one ServiceCIDR. Source: kubernetes pkg/controller/servicecidrs/servicecidrs_controller.go. */
import { type IpNetwork, parseCidr, parseIp } from '@kapella/api';
import type { IPAddress, ServiceCIDR } from '@kapella/api/types/networking-v1';
import { formatTime, parseTime } from '@kapella/base';

export const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
const ALLOCATOR = 'ipallocator.k8s.io';
/** So that every allocator knows of the deletion before the last check. */
const DELETION_GRACE_MS = 10_000;

export interface CidrPlan {
  /** undefined: they stand right. */
  readonly finalizers: readonly string[] | undefined;
  /** undefined: it stands right. */
  readonly status: NonNullable<ServiceCIDR['status']> | undefined;
  readonly againMs: number | undefined;
}

/** Pure. `all`: every ServiceCIDR, this one too. */
export function planServiceCidr(
  cidr: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
  nowMs: number,
): CidrPlan {
  const { deletionTimestamp, finalizers = [] } = cidr.metadata;
  if (deletionTimestamp === undefined) {
    const message = 'Kubernetes Service CIDR is ready';
    const status = withReady(cidr, { status: 'True', reason: '', message }, nowMs);
    return {
      finalizers: finalizers.includes(FINALIZER) ? undefined : [...finalizers, FINALIZER],
      status,
      againMs: undefined,
    };
  }
  if (!mayGo(cidr, all, addresses)) {
    const message =
      'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
    const status = withReady(cidr, { status: 'False', reason: 'Terminating', message }, nowMs);
    return { finalizers: undefined, status, againMs: undefined };
  }
  const leftMs = (parseTime(deletionTimestamp) ?? 0) + DELETION_GRACE_MS - nowMs;
  if (leftMs > 0) return { finalizers: undefined, status: undefined, againMs: leftMs };
  const kept = finalizers.filter((name) => name !== FINALIZER);
  return { finalizers: kept.length === finalizers.length ? undefined : kept, status: undefined, againMs: undefined };
}

/** Nothing is left without a network: another has them all, or there is nothing that only this one has. */
function mayGo(cidr: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = all.filter(({ metadata }) => metadata.name !== cidr.metadata.name).flatMap(networksOf);
  const own = networksOf(cidr);
  if (own.every((network) => others.some((other) => contains(other, network)))) return true;
  return !addresses.some(({ metadata }) => {
    if (metadata.labels?.[MANAGED_BY_LABEL] !== ALLOCATOR) return false;
    const ip = parseIp(metadata.name);
    if (ip === undefined) return false;
    const isIn = (network: IpNetwork) => hasAddress(network, ip.bytes);
    return own.some(isIn) && !others.some(isIn);
  });
}

function withReady(
  { status }: ServiceCIDR,
  wanted: { readonly status: string; readonly reason: string; readonly message: string },
  nowMs: number,
): NonNullable<ServiceCIDR['status']> | undefined {
  const conditions = status?.conditions ?? [];
  const old = conditions.find(({ type }) => type === 'Ready');
  const isSame =
    old?.status === wanted.status && (old.reason ?? '') === wanted.reason && old.message === wanted.message;
  if (isSame) return undefined;
  const lastTransitionTime = old?.status === wanted.status ? old.lastTransitionTime : formatTime(nowMs);
  const next = { type: 'Ready', ...wanted, lastTransitionTime };
  return { ...status, conditions: [...conditions.filter((condition) => condition !== old), next] } as NonNullable<
    ServiceCIDR['status']
  >;
}

export function networksOf({ spec }: ServiceCIDR): readonly IpNetwork[] {
  return (spec?.cidrs ?? []).map(parseCidr).filter((network) => network !== undefined);
}

/** Addresses are 16 bytes in both families. */
const bitsOf = ({ network, prefixLength }: IpNetwork) => (network.family === 4 ? prefixLength + 96 : prefixLength);

export function hasAddress(network: IpNetwork, bytes: Uint8Array): boolean {
  const bits = bitsOf(network);
  return network.network.bytes.every((byte, i) => {
    const mask = 0xff00 >> Math.min(Math.max(bits - i * 8, 0), 8);
    return ((byte ^ (bytes[i] ?? 0)) & mask & 0xff) === 0;
  });
}

export function contains(outer: IpNetwork, inner: IpNetwork): boolean {
  return bitsOf(outer) <= bitsOf(inner) && hasAddress(outer, inner.network.bytes);
}
