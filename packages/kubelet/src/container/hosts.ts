/** Host name and /etc/hosts of a Pod. Source: kubernetes pkg/kubelet/kubelet_pods.go. */
import type { HostAlias, Pod } from '@kapella/api/types/core-v1';

const HOSTNAME_MAX = 63;
const FQDN_MAX = 64;
const HEADER = '# Kubernetes-managed hosts file.\n';
const HOST_NETWORK_HEADER = '# Kubernetes-managed hosts file (host network).\n';

export interface PodHostname {
  readonly hostname: string;
  /** '' without subdomain. */
  readonly domain: string;
}

export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { spec, metadata } = pod;
  if (spec.hostnameOverride !== undefined) return { hostname: truncate(spec.hostnameOverride, FQDN_MAX), domain: '' };
  const hostname = truncate(spec.hostname || metadata.name, HOSTNAME_MAX);
  const domain = spec.subdomain ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : '';
  return { hostname, domain };
}

const truncate = (name: string, max: number) => name.slice(0, max).replace(/[-.]+$/, '');

/** What the kernel is told. Throws when the full name does not fit. */
export function kernelHostname(pod: Pod, { hostname, domain }: PodHostname): string {
  if (pod.spec.setHostnameAsFQDN !== true || domain === '') return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length <= FQDN_MAX) return full;
  const limits = `(${FQDN_MAX} characters is the max, ${full.length} characters requested)`;
  throw new Error(`failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long ${limits}`);
}

/** `nodeHosts`: the node's own file, for Pods on its network. */
export function hostsFile(pod: Pod, name: PodHostname, podIps: readonly string[], nodeHosts: string): string {
  const aliases = aliasLines(pod.spec.hostAliases ?? []);
  if (pod.spec.hostNetwork === true) return `${HOST_NETWORK_HEADER}${nodeHosts}${aliases}`;
  const { hostname, domain } = name;
  const own = podIps.map((ip) =>
    domain === '' ? `${ip}\t${hostname}\n` : `${ip}\t${hostname}.${domain}\t${hostname}\n`,
  );
  return `${HEADER}127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
${own.join('')}${aliases}`;
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}
