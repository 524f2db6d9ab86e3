/** Security contexts. Source: kubernetes pkg/apis/core/validation, ValidateSecurityContext. */
import { validateGroupId, validateUserId } from '@kapella/api';
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid } from './basic.ts';
import { checkDescendingPath } from './paths.ts';

const SECCOMP_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const SYSCTL = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_LENGTH_MAX = 253;
const APPARMOR_LENGTH_MAX = 4095;

export function checkContainerSecurity(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  errors: FieldErrors,
  field: string,
): void {
  if (context === undefined) return;
  const { runAsUser, runAsGroup, procMount, privileged, allowPrivilegeEscalation } = context;
  if (runAsUser !== undefined) addInvalid(errors, `${field}.runAsUser`, runAsUser, validateUserId(runAsUser));
  if (runAsGroup !== undefined) addInvalid(errors, `${field}.runAsGroup`, runAsGroup, validateGroupId(runAsGroup));
  if (procMount !== undefined && procMount !== 'Default' && procMount !== 'Unmasked') {
    errors.notSupported(`${field}.procMount`, procMount, ['Default', 'Unmasked']);
  }
  if (hostUsers && procMount === 'Unmasked') {
    errors.invalid(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`');
  }
  checkSeccomp(context.seccompProfile, errors, `${field}.seccompProfile`);
  if (allowPrivilegeEscalation === false) {
    const cannot = 'cannot set `allowPrivilegeEscalation` to false and';
    if (privileged === true) errors.invalid(field, context, `${cannot} \`privileged\` to true`);
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      errors.invalid(field, context, `${cannot} \`capabilities.Add\` CAP_SYS_ADMIN`);
    }
  }
  checkAppArmor(context.appArmorProfile, errors, `${field}.appArmorProfile`);
}

export function checkPodSecurity(spec: PodSpec, errors: FieldErrors, field: string): void {
  const context = spec.securityContext;
  if (context === undefined) return;
  const { fsGroup, runAsUser, runAsGroup, supplementalGroups = [], fsGroupChangePolicy } = context;
  if (fsGroup !== undefined) addInvalid(errors, `${field}.fsGroup`, fsGroup, validateGroupId(fsGroup));
  if (runAsUser !== undefined) addInvalid(errors, `${field}.runAsUser`, runAsUser, validateUserId(runAsUser));
  if (runAsGroup !== undefined) addInvalid(errors, `${field}.runAsGroup`, runAsGroup, validateGroupId(runAsGroup));
  for (const [i, group] of supplementalGroups.entries()) {
    addInvalid(errors, `${field}.supplementalGroups[${i}]`, group, validateGroupId(group));
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const why = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.invalid(`${field}.shareProcessNamespace`, true, why);
  }
  checkSysctls(spec, errors, `${field}.sysctls`);
  if (fsGroupChangePolicy !== undefined && !['Always', 'OnRootMismatch'].includes(fsGroupChangePolicy)) {
    errors.notSupported(`${field}.fsGroupChangePolicy`, fsGroupChangePolicy, ['Always', 'OnRootMismatch']);
  }
  checkSeccomp(context.seccompProfile, errors, `${field}.seccompProfile`);
  checkAppArmor(context.appArmorProfile, errors, `${field}.appArmorProfile`);
  const groups = context.supplementalGroupsPolicy;
  if (groups !== undefined && groups !== 'Merge' && groups !== 'Strict') {
    errors.notSupported(`${field}.supplementalGroupsPolicy`, groups, ['Merge', 'Strict']);
  }
  const policy = context.seLinuxChangePolicy;
  if (policy !== undefined && policy !== 'MountOption' && policy !== 'Recursive') {
    errors.notSupported(`${field}.seLinuxChangePolicy`, policy, ['MountOption', 'Recursive']);
  }
}

function checkSysctls(spec: PodSpec, errors: FieldErrors, field: string): void {
  const pattern = new RegExp(`^${SYSCTL}$`);
  const names = new Set<string>();
  for (const [i, { name }] of (spec.securityContext?.sysctls ?? []).entries()) {
    const at = `${field}[${i}].name`;
    if (!name) errors.required(at);
    else if (name.length > SYSCTL_LENGTH_MAX || !pattern.test(name)) {
      errors.invalid(at, name, `must have at most ${SYSCTL_LENGTH_MAX} characters and match regex ^${SYSCTL}$`);
    } else if (names.has(name)) errors.duplicate(at, name);
    names.add(name ?? '');
    checkNotOfHost(name, spec, errors, at);
  }
}

/** What a Pod shares with the host is not its to set. */
function checkNotOfHost(name: string, spec: PodSpec, errors: FieldErrors, field: string): void {
  const dotted = (name ?? '').replaceAll('/', '.');
  const isIpc = /^(?:kernel\.(?:sem|shm|msg)|fs\.mqueue\.)/.test(dotted);
  if (spec.hostNetwork === true && dotted.startsWith('net.')) {
    errors.invalid(field, name, "may not be specified when 'hostNetwork' is true");
  } else if (spec.hostIPC === true && isIpc) {
    errors.invalid(field, name, "may not be specified when 'hostIPC' is true");
  }
}

function checkSeccomp(profile: SeccompProfile | undefined, errors: FieldErrors, field: string): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  if (!type) errors.required(`${field}.type`, 'type is required when seccompProfile is set');
  else if (!SECCOMP_TYPES.includes(type)) errors.notSupported(`${field}.type`, type, SECCOMP_TYPES);
  if (type === 'Localhost') {
    if (localhostProfile === undefined) {
      errors.required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost');
    } else checkDescendingPath(localhostProfile, errors, `${field}.localhostProfile`);
  } else if (localhostProfile !== undefined) {
    errors.invalid(`${field}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost');
  }
}

function checkLocalAppArmor(profile: string | undefined, errors: FieldErrors, field: string): void {
  if (!profile) errors.required(field, 'must be set when AppArmor type is Localhost');
  else if (profile.trim() !== profile) errors.invalid(field, profile, 'must not be padded with whitespace');
  if ((profile?.length ?? 0) > APPARMOR_LENGTH_MAX) errors.tooLong(field, APPARMOR_LENGTH_MAX);
}

function checkAppArmor(profile: AppArmorProfile | undefined, errors: FieldErrors, field: string): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  const at = `${field}.localhostProfile`;
  if (type === 'Localhost') checkLocalAppArmor(localhostProfile, errors, at);
  else if (type === 'RuntimeDefault' || type === 'Unconfined') {
    if (localhostProfile !== undefined) {
      errors.invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost');
    }
  } else if (!type) errors.required(`${field}.type`, 'type is required when appArmorProfile is set');
  else errors.notSupported(`${field}.type`, type, SECCOMP_TYPES);
}
