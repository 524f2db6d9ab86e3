/** Security context of a container: its own fields over the Pod's. Source: kubernetes pkg/securitycontext, kuberuntime. */
import type { Pod, PodSecurityContext, PodSpec, SecurityContext } from '@kapella/api/types/core-v1';
import type { ContainerSecurityContext, NamespaceOption, SecurityProfile } from '../cri/config.ts';
import { type AnyContainer, describePod } from '../lifecycle/observed.ts';

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
] as const;
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

/** Who the image runs as when nobody says otherwise. */
export interface ImageUser {
  readonly uid?: number;
  readonly username: string;
}

export interface SecurityInput {
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly imageUser: ImageUser;
  /** Runtime id of the container whose processes an ephemeral one looks at. */
  readonly targetId?: string;
  /** Directory of localhost seccomp profiles. */
  readonly seccompDir: string;
  /** What is not confined otherwise has the runtime's profile. */
  readonly seccompDefault?: boolean;
  readonly userns?: UsernsOptions | undefined;
}

export type UsernsOptions = NonNullable<NamespaceOption['usernsOptions']>;

export function namespacesOf(spec: PodSpec, userns?: UsernsOptions): NamespaceOption {
  const shared = spec.shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  return {
    network: spec.hostNetwork === true ? 'NODE' : 'POD',
    pid: spec.hostPID === true ? 'NODE' : shared,
    ipc: spec.hostIPC === true ? 'NODE' : 'POD',
    ...(userns === undefined ? {} : { usernsOptions: userns }),
  };
}

/** Throws an Error with upstream's text when `runAsNonRoot` cannot be kept. */
export function containerSecurity(input: SecurityInput): ContainerSecurityContext {
  const { pod, container, imageUser } = input;
  const own: SecurityContext = container.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  const user = own.runAsUser ?? shared.runAsUser;
  const group = own.runAsGroup ?? shared.runAsGroup;
  verifyNonRoot(input, own.runAsNonRoot ?? shared.runAsNonRoot, user);
  const privileged = own.privileged === true;
  const unmasked = own.procMount === 'Unmasked';
  return {
    ...capabilitiesOf(own),
    privileged,
    namespaceOptions: withTarget(namespacesOf(pod.spec, input.userns), input.targetId),
    ...userOf(user ?? imageUser.uid, imageUser.username),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    ...groupsOf(shared),
    noNewPrivs: own.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : MASKED_PATHS,
    readonlyPaths: unmasked ? [] : READONLY_PATHS,
    seccomp: seccompOf(input, privileged),
  };
}

function capabilitiesOf({ capabilities }: SecurityContext) {
  if (capabilities === undefined) return {};
  return {
    capabilities: { addCapabilities: capabilities.add ?? [], dropCapabilities: capabilities.drop ?? [] },
  };
}

function userOf(uid: number | undefined, username: string) {
  if (uid !== undefined) return { runAsUser: { value: uid } };
  return username === '' ? {} : { runAsUsername: username };
}

/** Of sandbox and containers alike. */
export function groupsOf({ fsGroup, supplementalGroups = [], supplementalGroupsPolicy: policy }: PodSecurityContext) {
  return {
    supplementalGroups: [...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups],
    ...(policy === undefined ? {} : { supplementalGroupsPolicy: policy }),
  };
}

function withTarget(options: NamespaceOption, targetId: string | undefined): NamespaceOption {
  if (targetId === undefined || options.pid !== 'CONTAINER') return options;
  return { ...options, pid: 'TARGET', targetId };
}

function seccompOf(input: SecurityInput, privileged: boolean): SecurityProfile {
  const { pod, container, seccompDir, seccompDefault = false } = input;
  const profile = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  if (privileged) return { profileType: 'Unconfined' };
  if (profile === undefined) return { profileType: seccompDefault ? 'RuntimeDefault' : 'Unconfined' };
  if (profile.type !== 'Localhost') return { profileType: profile.type };
  if (!profile.localhostProfile) {
    throw new Error('localhostProfile must be set if seccompProfile type is Localhost.');
  }
  return { profileType: 'Localhost', localhostRef: `${seccompDir}/${profile.localhostProfile}` };
}

function verifyNonRoot(
  { pod, container, imageUser }: SecurityInput,
  nonRoot: boolean | undefined,
  user: number | undefined,
) {
  if (nonRoot !== true) return;
  const where = `(pod: "${describePod(pod)}", container: ${container.name})`;
  if (user !== undefined) {
    if (user === 0) {
      throw new Error(`container's runAsUser breaks non-root policy ${where}`);
    }
    return;
  }
  if (imageUser.uid === 0) {
    throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
  }
  if (imageUser.uid === undefined && imageUser.username !== '') {
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${imageUser.username}), cannot verify user is non-root ${where}`,
    );
  }
}
