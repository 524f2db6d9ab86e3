/** What goes into /etc/resolv.conf of a Pod. Source: kubernetes pkg/kubelet/network/dns/dns.go. */
import type { Pod, PodDNSConfigOption } from '@kapella/api/types/core-v1';
import type { DnsConfig } from '../cri/config.ts';

const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_CHARS_MAX = 2048;
const DOMAIN_CHARS_MAX = 253;

export interface DnsSettings {
  /** Addresses of the cluster's DNS Service; empty = the cluster has none. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** What the node itself uses. */
  readonly host: DnsConfig;
}

export interface PodDns {
  readonly config: DnsConfig;
  /** Messages of `DNSConfigForming` and `MissingClusterDNS` events. */
  readonly warnings: readonly string[];
  readonly missingClusterDns: boolean;
}

export function podDns(pod: Pod, settings: DnsSettings): PodDns {
  const warnings: string[] = [];
  const { config, missing } = baseConfig(pod, settings);
  const extra = pod.spec.dnsConfig;
  const merged: DnsConfig = {
    servers: unique([...config.servers, ...(extra?.nameservers ?? [])]),
    searches: unique([...config.searches, ...(extra?.searches ?? [])]),
    options: mergeOptions(config.options, extra?.options ?? []),
  };
  const limited = {
    ...merged,
    servers: limitServers(merged.servers, warnings),
    searches: limitSearches(merged.searches, warnings),
  };
  return { config: limited, warnings, missingClusterDns: missing };
}

function baseConfig(
  pod: Pod,
  { clusterDns, clusterDomain, host }: DnsSettings,
): { config: DnsConfig; missing: boolean } {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { config: { servers: [], searches: [], options: [] }, missing: false };
  const wantsCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true);
  if (!wantsCluster || clusterDns.length === 0) return { config: host, missing: wantsCluster };
  const domains =
    clusterDomain === ''
      ? []
      : [`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  const searches = unique([...domains, ...host.searches]);
  return { config: { servers: clusterDns, searches, options: ['ndots:5'] }, missing: false };
}

const unique = (items: readonly string[]): readonly string[] => [...new Set(items)];

function mergeOptions(base: readonly string[], own: readonly PodDNSConfigOption[]): readonly string[] {
  const options = new Map<string, string>();
  for (const option of base) {
    const colon = option.indexOf(':');
    options.set(colon < 0 ? option : option.slice(0, colon), colon < 0 ? '' : option.slice(colon + 1));
  }
  for (const { name = '', value = '' } of own) options.set(name, value);
  return [...options].map(([name, value]) => (value === '' ? name : `${name}:${value}`));
}

function limitServers(servers: readonly string[], warnings: string[]): readonly string[] {
  if (servers.length <= NAMESERVERS_MAX) return servers;
  const kept = servers.slice(0, NAMESERVERS_MAX);
  warnings.push(
    `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${kept.join(' ')}`,
  );
  return kept;
}

function limitSearches(searches: readonly string[], warnings: string[]): readonly string[] {
  const kept = searches.slice(0, SEARCHES_MAX).filter((search) => search.length <= DOMAIN_CHARS_MAX);
  while (kept.join(' ').length > SEARCH_CHARS_MAX) kept.pop();
  if (kept.length < searches.length) {
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
    );
  }
  return kept;
}

/** resolv.conf(5); the last `search` line counts, options by their last mention. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (line.trim().startsWith('#')) continue;
    if (fields[0] === 'nameserver' && fields[1] !== undefined) servers.push(fields[1]);
    else if (fields[0] === 'search') {
      searches = fields
        .slice(1)
        .filter((s) => s !== '.')
        .map((s) => (s.endsWith('.') ? s.slice(0, -1) : s));
    } else if (fields[0] === 'options') {
      for (const option of fields.slice(1)) options.set(option.split(':')[0] as string, option);
    }
  }
  return { servers, searches, options: [...options.values()] };
}
