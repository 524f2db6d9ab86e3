/** Rules for Pod specs. Source: kubernetes pkg/apis/core/validation, ValidatePodSpec. */
import { nameIsDnsSubdomain, rangeError, validateDns1123SubdomainWithUnderscore, validateLabels } from '@kapella/api';
import type { EnvVar, PodSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkDnsLabel, checkDnsSubdomain, checkIp, checkQualifiedName } from './basic.ts';
import { checkContainers, checkEphemeralContainers, checkInitContainers } from './containers.ts';
import { checkOs } from './os.ts';
import type { Volumes } from './mounts.ts';
import { checkPodLevelResources } from './pod-resources.ts';
import { checkResourceRequirements } from './requirements.ts';
import { checkAffinity, checkSpread, checkTolerations } from './scheduling.ts';
import { checkPodSecurity } from './security.ts';
import { checkVolumes } from './volumes.ts';

export interface PodRules {
  /** Of a Pod, not of a template. */
  readonly isPod?: boolean;
  readonly podName?: string;
}

const INT32_MAX = 2 ** 31 - 1;
const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_LENGTH_MAX = 2048;
const HOSTNAME_LENGTH_MAX = 64;
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

export function validatePodSpec(spec: PodSpec, errors: FieldErrors, field: string, rules: PodRules = {}): void {
  if (spec.terminationGracePeriodSeconds === undefined) errors.required(`${field}.terminationGracePeriodSeconds`);
  const volumes = checkVolumes(spec.volumes ?? [], rules.podName, errors, `${field}.volumes`);
  checkResourceClaims(spec, errors, `${field}.resourceClaims`);
  const context = {
    spec,
    volumes,
    claims: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
    hostUsers: spec.hostUsers !== false,
    gracePeriodSeconds: spec.terminationGracePeriodSeconds,
    os: spec.os,
  };
  checkContainers(context, errors, `${field}.containers`);
  checkInitContainers(context, errors, `${field}.initContainers`);
  checkEphemeralContainers(context, errors, `${field}.ephemeralContainers`);
  checkPodLevelResources(spec, errors, field);
  checkHostNetwork(spec, rules, errors, field);
  checkRestartPolicy(spec, errors, field);
  if (!spec.dnsPolicy) errors.required(`${field}.dnsPolicy`);
  else if (!DNS_POLICIES.includes(spec.dnsPolicy))
    errors.notSupported(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES);
  validateLabels(spec.nodeSelector, errors, `${field}.nodeSelector`);
  checkPodSecurity(spec, errors, `${field}.securityContext`);
  checkAffinity(spec.affinity, errors, `${field}.affinity`);
  checkDns(spec, errors, `${field}.dnsConfig`);
  checkGates(spec, errors, field);
  checkSpread(spec.topologySpreadConstraints ?? [], errors, `${field}.topologySpreadConstraints`);
  checkHostUsers(spec, errors, field);
  checkNames(spec, errors, field);
  checkTolerations(spec.tolerations ?? [], errors, `${field}.tolerations`);
  for (const [i, { ip, hostnames = [] }] of (spec.hostAliases ?? []).entries()) {
    checkIp(ip, errors, `${field}.hostAliases[${i}].ip`);
    for (const [j, name] of hostnames.entries()) {
      checkDnsSubdomain(name, errors, `${field}.hostAliases[${i}].hostnames[${j}]`);
    }
  }
  if (spec.overhead !== undefined) {
    checkResourceRequirements({ limits: spec.overhead }, undefined, errors, `${field}.overhead`);
  }
  checkOs(spec, errors, field);
  checkFileKeyVolumes(spec, errors, field);
}

function checkRestartPolicy({ restartPolicy, preemptionPolicy }: PodSpec, errors: FieldErrors, field: string): void {
  const policies = ['Always', 'OnFailure', 'Never'];
  if (!restartPolicy) errors.required(`${field}.restartPolicy`);
  else if (!policies.includes(restartPolicy)) errors.notSupported(`${field}.restartPolicy`, restartPolicy, policies);
  const preemption = ['PreemptLowerPriority', 'Never'];
  if (preemptionPolicy !== undefined && !preemption.includes(preemptionPolicy)) {
    errors.notSupported(`${field}.preemptionPolicy`, preemptionPolicy, preemption);
  }
}

function checkResourceClaims({ resourceClaims = [] }: PodSpec, errors: FieldErrors, field: string): void {
  const names = new Set<string>();
  for (const [i, claim] of resourceClaims.entries()) {
    const at = `${field}[${i}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (!name) errors.required(`${at}.name`);
    else if (names.has(name)) errors.duplicate(`${at}.name`, name);
    else checkDnsLabel(name, errors, `${at}.name`);
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.invalid(at, claim, why);
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    }
    for (const [key, value] of Object.entries({ resourceClaimName, resourceClaimTemplateName })) {
      if (value !== undefined) addInvalid(errors, `${at}.${key}`, value, nameIsDnsSubdomain(value, false));
    }
  }
}

function checkHostNetwork(spec: PodSpec, rules: PodRules, errors: FieldErrors, field: string): void {
  if (spec.hostNetwork !== true) return;
  for (const [i, { ports = [] }] of spec.containers.entries()) {
    for (const [j, { hostPort = 0, containerPort }] of ports.entries()) {
      if ((rules.isPod !== true && hostPort === 0) || hostPort === containerPort) continue;
      const at = `${field}.containers[${i}].ports[${j}].hostPort`;
      errors.invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    }
  }
}

function checkDns({ dnsPolicy, dnsConfig }: PodSpec, errors: FieldErrors, field: string): void {
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined) {
      errors.required(field, 'must provide `dnsConfig` when `dnsPolicy` is None');
      return;
    }
    if (!dnsConfig.nameservers?.length) {
      errors.required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
      return;
    }
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (nameservers.length > NAMESERVERS_MAX) {
    errors.invalid(`${field}.nameservers`, nameservers, `must not have more than ${NAMESERVERS_MAX} nameservers`);
  }
  for (const [i, address] of nameservers.entries()) checkIp(address, errors, `${field}.nameservers[${i}]`);
  checkSearches(searches, errors, `${field}.searches`);
  for (const [i, option] of options.entries()) {
    if (!option.name) errors.required(`${field}.options[${i}]`, 'must not be empty');
  }
}

function checkSearches(searches: readonly string[], errors: FieldErrors, field: string): void {
  if (searches.length > SEARCHES_MAX) {
    errors.invalid(field, searches, `must not have more than ${SEARCHES_MAX} search paths`);
  }
  if (searches.join(' ').length > SEARCH_LENGTH_MAX) {
    const why = `must not have more than ${SEARCH_LENGTH_MAX} characters (including spaces) in the search list`;
    errors.invalid(field, searches, why);
  }
  for (const [i, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.replace(/\.$/, '');
    addInvalid(errors, `${field}[${i}]`, name, validateDns1123SubdomainWithUnderscore(name));
  }
}

function checkGates({ readinessGates = [], schedulingGates = [] }: PodSpec, errors: FieldErrors, field: string): void {
  for (const [i, { conditionType }] of readinessGates.entries()) {
    checkQualifiedName(conditionType, errors, `${field}.readinessGates[${i}].conditionType`);
  }
  const seen = new Set<string>();
  for (const [i, { name }] of schedulingGates.entries()) {
    checkQualifiedName(name, errors, `${field}.schedulingGates[${i}]`);
    if (seen.has(name)) errors.duplicate(`${field}.schedulingGates[${i}]`, name);
    seen.add(name);
  }
}

function checkHostUsers(spec: PodSpec, errors: FieldErrors, field: string): void {
  if (spec.hostUsers !== false) return;
  const why = 'when `hostUsers` is false';
  if (spec.hostNetwork === true) errors.forbidden(`${field}.hostNetwork`, why);
  if (spec.hostPID === true) errors.forbidden(`${field}.HostPID`, why);
  if (spec.hostIPC === true) errors.forbidden(`${field}.HostIPC`, why);
}

function checkNames(spec: PodSpec, errors: FieldErrors, field: string): void {
  const { hostname, subdomain, hostnameOverride, activeDeadlineSeconds } = spec;
  for (const name of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const value = spec[name];
    if (value || (name === 'runtimeClassName' && value === '')) {
      addInvalid(errors, `${field}.${name}`, value, nameIsDnsSubdomain(value, false));
    }
  }
  if (activeDeadlineSeconds !== undefined && (activeDeadlineSeconds < 1 || activeDeadlineSeconds > INT32_MAX)) {
    errors.invalid(`${field}.activeDeadlineSeconds`, activeDeadlineSeconds, rangeError(1, INT32_MAX));
  }
  if (hostname) checkDnsLabel(hostname, errors, `${field}.hostname`);
  if (subdomain) checkDnsLabel(subdomain, errors, `${field}.subdomain`);
  if (hostnameOverride === undefined) return;
  const at = `${field}.hostnameOverride`;
  if (spec.setHostnameAsFQDN === true) errors.forbidden(at, 'may not be specified when setHostnameAsFQDN is true');
  if (spec.hostNetwork === true) errors.forbidden(at, 'may not be specified when hostNetwork is true');
  if (hostnameOverride.length > HOSTNAME_LENGTH_MAX) errors.tooLong(at, HOSTNAME_LENGTH_MAX);
  checkDnsSubdomain(hostnameOverride, errors, at);
}

function checkFileKeyVolumes(spec: PodSpec, errors: FieldErrors, field: string): void {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    for (const [i, { env = [] }] of (spec[list] ?? []).entries()) {
      checkFileKeyEnv(env, volumes, errors, `${field}.${list}[${i}].env`);
    }
  }
}

function checkFileKeyEnv(env: readonly EnvVar[], volumes: Volumes, errors: FieldErrors, field: string): void {
  for (const [j, { valueFrom }] of env.entries()) {
    const name = valueFrom?.fileKeyRef?.volumeName;
    if (name === undefined) continue;
    const at = `${field}[${j}].valueFrom.fileKeyRef.volumeName`;
    const volume = volumes.get(name);
    if (volume === undefined) errors.notFound(at, name);
    else if (volume.emptyDir === undefined) errors.invalid(at, name, 'referenced volume must be of type emptyDir');
  }
}
