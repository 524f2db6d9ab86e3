/** The baseline level, newest version. Source: pod-security-admission/policy/check_*.go. */
import type { Container, SELinuxOptions } from '@kapella/api/types/core-v1';
import { type Check, containersOf, named, plural, quoted, setters, sortedSet } from './check.ts';

const CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);
const SYSCTLS = new Set([
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
]);
const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);

const namesWhere = (containers: readonly Container[], bad: (container: Container) => boolean) =>
  containers.filter(bad).map((container) => container.name);

export const appArmorProfile: Check = (pod) => {
  const bad = (type: string | undefined) => type !== undefined && !['', 'RuntimeDefault', 'Localhost'].includes(type);
  const typeOf = (container: Container) => container.securityContext?.appArmorProfile?.type;
  const podType = pod.spec.securityContext?.appArmorProfile?.type;
  const containers = namesWhere(containersOf(pod), (container) => bad(typeOf(container)));
  if (!bad(podType) && containers.length === 0) return undefined;
  const values = sortedSet([podType, ...containersOf(pod).map(typeOf)].filter(bad).map((type) => type ?? ''));
  const who = setters(bad(podType), containers);
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
    detail: `${who} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

export const capabilitiesBaseline: Check = (pod) => {
  const added = (container: Container) =>
    (container.securityContext?.capabilities?.add ?? []).filter((name) => !CAPABILITIES.has(name));
  const containers = containersOf(pod);
  const bad = namesWhere(containers, (container) => added(container).length > 0);
  if (bad.length === 0) return undefined;
  const list = quoted(sortedSet(containers.flatMap(added)));
  const detail = `${named(bad)} must not include ${list} in securityContext.capabilities.add`;
  return { reason: 'non-default capabilities', detail };
};

export const hostNamespaces: Check = ({ spec }) => {
  const set = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
  return set.length === 0
    ? undefined
    : { reason: 'host namespaces', detail: set.map((name) => `${name}=true`).join(', ') };
};

export const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter((volume) => volume.hostPath !== undefined).map((volume) => volume.name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', names.length)} ${quoted(names)}` };
};

export const hostPorts: Check = (pod) => {
  const portsOf = (container: Container) => (container.ports ?? []).map((port) => port.hostPort ?? 0).filter(Boolean);
  const containers = containersOf(pod);
  const bad = namesWhere(containers, (container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = sortedSet(containers.flatMap(portsOf).map(String));
  const uses = plural('uses', 'use', bad.length);
  const detail = `${named(bad)} ${uses} ${plural('hostPort', 'hostPorts', ports.length)} ${ports.join(', ')}`;
  return { reason: 'hostPort', detail };
};

export const hostProbes: Check = (pod) => {
  const hosts = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
      .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
      .filter((host): host is string => !!host && host !== '127.0.0.1' && host !== '::1');
  const containers = containersOf(pod);
  const bad = namesWhere(containers, (container) => hosts(container).length > 0);
  if (bad.length === 0) return undefined;
  const list = sortedSet(containers.flatMap(hosts));
  const uses = plural('uses', 'use', bad.length);
  const detail = `${named(bad)} ${uses} probe or lifecycle ${plural('host', 'hosts', list.length)} ${quoted(list)}`;
  return { reason: 'probe or lifecycle host', detail };
};

export const privileged: Check = (pod) => {
  const bad = namesWhere(containersOf(pod), (container) => container.securityContext?.privileged === true);
  if (bad.length === 0) return undefined;
  return { reason: 'privileged', detail: `${named(bad)} must not set securityContext.privileged=true` };
};

export const procMount: Check = (pod) => {
  // In a user namespace of its own a Pod may see /proc unmasked.
  if (pod.spec.hostUsers === false) return undefined;
  const typeOf = (container: Container) => container.securityContext?.procMount;
  const isBad = (container: Container) => typeOf(container) !== undefined && typeOf(container) !== 'Default';
  const containers = containersOf(pod);
  const bad = namesWhere(containers, isBad);
  if (bad.length === 0) return undefined;
  const values = quoted(sortedSet(containers.filter(isBad).map((container) => typeOf(container) ?? '')));
  return { reason: 'procMount', detail: `${named(bad)} must not set securityContext.procMount to ${values}` };
};

export const seLinuxOptions: Check = (pod) => {
  const all = [
    pod.spec.securityContext?.seLinuxOptions,
    ...containersOf(pod).map((c) => c.securityContext?.seLinuxOptions),
  ];
  const isBad = (options: SELinuxOptions | undefined) =>
    options !== undefined && (!SELINUX_TYPES.has(options.type ?? '') || !!options.user || !!options.role);
  if (!all.some(isBad)) return undefined;
  const types = sortedSet(all.map((options) => options?.type ?? '').filter((type) => !SELINUX_TYPES.has(type)));
  const data = [
    ...(types.length > 0 ? [`${plural('type', 'types', types.length)} ${quoted(types)}`] : []),
    ...(all.some((options) => options?.user) ? ['user may not be set'] : []),
    ...(all.some((options) => options?.role) ? ['role may not be set'] : []),
  ];
  const who = setters(
    isBad(all[0]),
    namesWhere(containersOf(pod), (c) => isBad(c.securityContext?.seLinuxOptions)),
  );
  const detail = `${who} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`;
  return { reason: 'seLinuxOptions', detail };
};

export const seccompBaseline: Check = (pod) => {
  const isBad = (type: string | undefined) => type !== undefined && !['Localhost', 'RuntimeDefault'].includes(type);
  const typeOf = (container: Container) => container.securityContext?.seccompProfile?.type;
  const podType = pod.spec.securityContext?.seccompProfile?.type;
  const bad = namesWhere(containersOf(pod), (container) => isBad(typeOf(container)));
  if (!isBad(podType) && bad.length === 0) return undefined;
  const values = sortedSet([podType, ...containersOf(pod).map(typeOf)].filter(isBad).map((type) => type ?? ''));
  const who = setters(isBad(podType), bad);
  return {
    reason: 'seccompProfile',
    detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  };
};

export const sysctls: Check = ({ spec }) => {
  const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !SYSCTLS.has(name));
  return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
};

export const windowsHostProcess: Check = (pod) => {
  const podSet = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = namesWhere(containersOf(pod), (c) => c.securityContext?.windowsOptions?.hostProcess === true);
  if (!podSet && bad.length === 0) return undefined;
  const detail = `${setters(podSet, bad)} must not set securityContext.windowsOptions.hostProcess=true`;
  return { reason: 'hostProcess', detail };
};
