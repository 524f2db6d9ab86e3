/** The baseline level. Source: pod-security-admission/policy/check_*.go. */
import type { Container, SELinuxOptions } from '@kapella/api/types/core-v1';
import {
  type Check,
  type CheckedPod,
  containersOf,
  named,
  plural,
  quoted,
  setters,
  sortedSet,
  type Violation,
} from './check.ts';

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
export const SYSCTLS_OF_1_0: readonly string[] = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
export const SYSCTLS_OF_1_27: readonly string[] = [...SYSCTLS_OF_1_0, 'net.ipv4.ip_local_reserved_ports'];
export const SYSCTLS_OF_1_29: readonly string[] = [
  ...SYSCTLS_OF_1_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
export const SYSCTLS_OF_1_32: readonly string[] = [...SYSCTLS_OF_1_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];
export const SELINUX_TYPES_OF_1_0: readonly string[] = ['', 'container_t', 'container_init_t', 'container_kvm_t'];
export const SELINUX_TYPES_OF_1_31: readonly string[] = [...SELINUX_TYPES_OF_1_0, 'container_engine_t'];

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP_POD_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER_ANNOTATION = 'container.seccomp.security.alpha.kubernetes.io/';

const namesWhere = (containers: readonly Container[], bad: (container: Container) => boolean) =>
  containers.filter(bad).map((container) => container.name);

export const appArmorProfile: Check = (pod) => {
  const bad = (type: string | undefined) => type !== undefined && !['', 'RuntimeDefault', 'Localhost'].includes(type);
  const typeOf = (container: Container) => container.securityContext?.appArmorProfile?.type;
  const podType = pod.spec.securityContext?.appArmorProfile?.type;
  const containers = namesWhere(containersOf(pod), (container) => bad(typeOf(container)));
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && !isAllowedAppArmor(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  if (!bad(podType) && containers.length === 0 && annotations.length === 0) return undefined;
  const types = sortedSet([podType, ...containersOf(pod).map(typeOf)].filter(bad).map((type) => type ?? ''));
  const values = [...types, ...annotations];
  const own = setters(bad(podType), containers);
  const noted = annotations.length === 0 ? [] : [plural('annotation', 'annotations', annotations.length)];
  const who = [...(own === '' ? [] : [own]), ...noted].join(' and ');
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
    detail: `${who} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

const isAllowedAppArmor = (value: string) =>
  value === '' || value === 'runtime/default' || value.startsWith('localhost/');

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
      .filter((host): host is string => !!host);
  const containers = containersOf(pod);
  const bad = sortedSet(namesWhere(containers, (container) => hosts(container).length > 0));
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
  const typeOf = (container: Container) => container.securityContext?.procMount;
  const isBad = (container: Container) => typeOf(container) !== undefined && typeOf(container) !== 'Default';
  const containers = containersOf(pod);
  const bad = namesWhere(containers, isBad);
  if (bad.length === 0) return undefined;
  const values = quoted(sortedSet(containers.filter(isBad).map((container) => typeOf(container) ?? '')));
  return { reason: 'procMount', detail: `${named(bad)} must not set securityContext.procMount to ${values}` };
};

export const seLinuxOptions = (allowed: readonly string[]): Check => {
  const types = new Set(allowed);
  return (pod) => seLinuxViolation(pod, types);
};

function seLinuxViolation(pod: CheckedPod, allowed: ReadonlySet<string>): Violation | undefined {
  const all = [
    pod.spec.securityContext?.seLinuxOptions,
    ...containersOf(pod).map((c) => c.securityContext?.seLinuxOptions),
  ];
  const isBad = (options: SELinuxOptions | undefined) =>
    options !== undefined && (!allowed.has(options.type ?? '') || !!options.user || !!options.role);
  if (!all.some(isBad)) return undefined;
  const types = sortedSet(all.map((options) => options?.type ?? '').filter((type) => !allowed.has(type)));
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
}

const isAllowedSeccomp = (value: string) =>
  value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');

/** Before 1.19 profiles were annotations. */
export const seccompAnnotations: Check = (pod) => {
  const { annotations = {} } = pod.metadata;
  const keys = [SECCOMP_POD_ANNOTATION, ...containersOf(pod).map(({ name }) => SECCOMP_CONTAINER_ANNOTATION + name)];
  const bad = keys.filter((key) => annotations[key] !== undefined && !isAllowedSeccomp(annotations[key] ?? ''));
  const texts = sortedSet(bad.map((key) => `${key}=${JSON.stringify(annotations[key])}`));
  if (texts.length === 0) return undefined;
  const detail = `forbidden ${plural('annotation', 'annotations', texts.length)} ${texts.join(', ')}`;
  return { reason: 'seccompProfile', detail };
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

export const sysctls = (allowed: readonly string[]): Check => {
  const names = new Set(allowed);
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !names.has(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };
};

export const windowsHostProcess: Check = (pod) => {
  const podSet = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = namesWhere(containersOf(pod), (c) => c.securityContext?.windowsOptions?.hostProcess === true);
  if (!podSet && bad.length === 0) return undefined;
  const detail = `${setters(podSet, bad)} must not set securityContext.windowsOptions.hostProcess=true`;
  return { reason: 'hostProcess', detail };
};
