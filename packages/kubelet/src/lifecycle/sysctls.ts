/** Which kernel parameters a Pod may set on this node. Source: kubernetes pkg/kubelet/sysctl, component-helpers/node/util/sysctl. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { Rejection } from './admission.ts';

/** Each has a namespace and no influence on other Pods. */
const SAFE = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
];

const NAMESPACES: readonly (readonly [prefix: string, namespace: 'ipc' | 'net'])[] = [
  ['kernel.shm', 'ipc'],
  ['kernel.msg', 'ipc'],
  ['kernel.sem', 'ipc'],
  ['fs.mqueue.', 'ipc'],
  ['net.', 'net'],
];

const namespaceOf = (name: string) => NAMESPACES.find(([prefix]) => name.startsWith(prefix))?.[1];

/** `net/ipv4/conf/eno2.100/rp_filter` is `net.ipv4.conf.eno2/100.rp_filter`. */
export function normalizeSysctl(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== '/') return name;
  return name.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'));
}

/** Throws an Error in upstream's words for what is in no namespace of a Pod. */
export function checkUnsafeSysctls(patterns: readonly string[]): void {
  for (const pattern of patterns) {
    const name = normalizeSysctl(pattern).replace(/\*$/, '');
    if (namespaceOf(name) === undefined) throw new Error(`the sysctls "${name}" are not known to be namespaced`);
  }
}

/** `allowed`: of the administrator, on top of the safe ones: names, or prefixes that end with a star. */
export function judgeSysctls({ spec }: Pod, allowed: readonly string[]): Rejection | undefined {
  const patterns = [...SAFE, ...allowed.map(normalizeSysctl)];
  for (const { name: given } of spec.securityContext?.sysctls ?? []) {
    const name = normalizeSysctl(given);
    const isAllowed = patterns.some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
    if (!isAllowed) return forbidden(`"${name}" not allowlisted`);
    const namespace = namespaceOf(name);
    const isOfHost = (namespace === 'ipc' && spec.hostIPC) || (namespace === 'net' && spec.hostNetwork);
    if (isOfHost) return forbidden(`"${name}" not allowed with host ${namespace} enabled`);
  }
  return undefined;
}

const forbidden = (why: string): Rejection => ({ reason: 'SysctlForbidden', message: `forbidden sysctl: ${why}` });
