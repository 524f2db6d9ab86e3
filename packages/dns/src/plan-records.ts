/** One Service and its EndpointSlices -> records. Source: Kubernetes DNS specification 1.1, CoreDNS plugin/kubernetes. */
import type { Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import type { DnsRecord } from './message.ts';
import { normalName } from './message.ts';
import { reverseName } from './reverse-name.ts';

const SRV_WEIGHT_TOTAL = 100;

export interface ZoneOptions {
  /** e.g. `cluster.local` */
  readonly zone: string;
  readonly ttlSeconds: number;
}

/** Pure and independent of every other Service. Names are lower case and without the final dot. */
export function planRecords(
  service: Service,
  slices: readonly EndpointSlice[],
  { zone, ttlSeconds: ttl }: ZoneOptions,
): readonly DnsRecord[] {
  const { spec, metadata } = service;
  const name = `${metadata.name}.${metadata.namespace}.svc.${zone}`;
  if (spec.type === 'ExternalName') {
    const data = normalName(spec.externalName ?? '');
    return data === '' ? [] : [{ name, type: 'CNAME', ttl, data }];
  }
  const ips = (spec.clusterIPs ?? [spec.clusterIP]).filter((ip) => ip !== undefined && ip !== '');
  const isHeadless = ips[0] === 'None';
  const records: DnsRecord[] = [];
  if (!isHeadless) {
    for (const ip of ips as readonly string[]) {
      records.push(addressRecord(name, ip, ttl), { name: reverseName(ip), type: 'PTR', ttl, data: name });
    }
    const targets = (spec.ports ?? []).map(({ name: port, protocol, port: number }) => ({
      port,
      protocol,
      number,
      target: name,
    }));
    if (ips.length > 0) records.push(...srvRecords(name, targets, ttl));
  }
  records.push(...endpointRecords(name, slices, isHeadless, ttl));
  return records;
}

function endpointRecords(
  name: string,
  slices: readonly EndpointSlice[],
  isHeadless: boolean,
  ttl: number,
): DnsRecord[] {
  const records = new Map<string, DnsRecord>();
  const targets: SrvTarget[] = [];
  for (const { hostname, ip, slice } of namedAddresses(slices, isHeadless)) {
    const hostName = `${hostname || ip.replace(/[.:]/g, '-')}.${name}`;
    const own = [addressRecord(hostName, ip, ttl), { name: reverseName(ip), type: 'PTR', ttl, data: hostName }];
    if (isHeadless) own.push(addressRecord(name, ip, ttl));
    for (const record of own) records.set(`${record.name} ${record.type} ${String(record.data)}`, record);
    if (isHeadless) targets.push(...srvTargets(slice, hostName));
  }
  return [...records.values(), ...srvRecords(name, targets, ttl)];
}

interface NamedAddress {
  /** '' : the address makes the name. */
  readonly hostname: string;
  readonly ip: string;
  readonly slice: EndpointSlice;
}

/** Addresses of ready endpoints; without a host name only those of headless Services: nobody can know others. */
function namedAddresses(slices: readonly EndpointSlice[], isHeadless: boolean): NamedAddress[] {
  return slices
    .filter((slice) => slice.addressType !== 'FQDN')
    .flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => ({ slice, endpoint })))
    .filter(({ endpoint }) => endpoint.conditions?.ready !== false)
    .filter(({ endpoint }) => isHeadless || (endpoint.hostname ?? '') !== '')
    .flatMap(({ slice, endpoint }) =>
      endpoint.addresses.map((ip) => ({ hostname: normalName(endpoint.hostname ?? ''), ip, slice })),
    );
}

function srvTargets(slice: EndpointSlice, target: string): SrvTarget[] {
  return (slice.ports ?? []).flatMap(({ name: port, protocol, port: number }) =>
    number === undefined ? [] : [{ port, protocol, number, target }],
  );
}

interface SrvTarget {
  readonly port: string | undefined;
  readonly protocol: string | undefined;
  readonly number: number;
  readonly target: string;
}

/** Under `_port._proto` for named ports, and all of them under the name itself, as clients that list peers ask for. */
function srvRecords(name: string, targets: readonly SrvTarget[], ttl: number): DnsRecord[] {
  const byName = new Map<string, Map<string, SrvTarget>>();
  const put = (owner: string, target: SrvTarget) => {
    const group = byName.get(owner) ?? new Map<string, SrvTarget>();
    byName.set(owner, group.set(`${target.target} ${target.number}`, target));
  };
  for (const target of targets) {
    put(name, target);
    if ((target.port ?? '') !== '') put(`_${target.port}._${(target.protocol ?? 'TCP').toLowerCase()}.${name}`, target);
  }
  const records: DnsRecord[] = [];
  for (const [owner, group] of byName) {
    const weight = Math.max(1, Math.floor(SRV_WEIGHT_TOTAL / group.size));
    for (const { number, target } of group.values()) {
      records.push({ name: owner, type: 'SRV', ttl, data: { priority: 0, weight, port: number, target } });
    }
  }
  return records;
}

const addressRecord = (name: string, ip: string, ttl: number): DnsRecord => ({
  name,
  type: ip.includes(':') ? 'AAAA' : 'A',
  ttl,
  data: ip,
});
