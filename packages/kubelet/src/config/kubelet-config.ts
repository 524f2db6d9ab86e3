/** What an administrator may set of the node agent. Source: k8s.io/kubelet/config/v1beta1 (KubeletConfiguration). */
import type { Taint } from '@kapella/api/types/core-v1';
import type { ReservedMemory } from '../memory/memory-manager.ts';
import type { TopologyPolicy } from '../topology/hints.ts';
import { judgeOtherField } from './other-fields.ts';
import {
  duration,
  fail,
  flag,
  listOf,
  oneOf,
  percent,
  type Reader,
  section,
  size,
  text,
  type Texts,
  texts,
  whole,
  within,
  words,
} from './readers.ts';

export interface ShutdownPeriod {
  readonly priority: number;
  readonly shutdownGracePeriodSeconds: number;
}

/** Fields and defaults are upstream's; durations are milliseconds. */
export interface KubeletConfig {
  readonly evictionHard: Texts;
  readonly evictionSoft: Texts;
  readonly evictionSoftGracePeriod: Texts;
  readonly evictionMinimumReclaim: Texts;
  readonly evictionMaxPodGracePeriod: number;
  readonly evictionPressureTransitionPeriodMs: number;
  /** Thresholds that evictionHard does not name keep their defaults. */
  readonly mergeDefaultEvictionSettings: boolean;
  readonly imageGCHighThresholdPercent: number;
  readonly imageGCLowThresholdPercent: number;
  readonly imageMinimumGCAgeMs: number;
  readonly imageMaximumGCAgeMs: number;
  readonly localStorageCapacityIsolation: boolean;
  readonly systemReserved: Texts;
  readonly kubeReserved: Texts;
  readonly enforceNodeAllocatable: readonly string[];
  readonly reservedSystemCPUs: string;
  readonly cpuManagerPolicy: 'none' | 'static';
  readonly cpuManagerPolicyOptions: Texts;
  readonly memoryManagerPolicy: 'None' | 'Static';
  readonly reservedMemory: readonly ReservedMemory[];
  readonly topologyManagerPolicy: TopologyPolicy;
  readonly topologyManagerScope: 'container' | 'pod';
  readonly topologyManagerPolicyOptions: Texts;
  readonly maxPods: number;
  /** 0 = as many as maxPods. */
  readonly podsPerCore: number;
  readonly podPidsLimit: number;
  readonly cpuCFSQuota: boolean;
  readonly userNamespaces: { readonly idsPerPod: number };
  readonly containerLogMaxSizeBytes: number;
  readonly containerLogMaxFiles: number;
  readonly containerLogMonitorIntervalMs: number;
  readonly crashLoopMaxBackOffMs: number;
  readonly seccompDefault: boolean;
  /** Names, or prefixes that end with a star. */
  readonly allowedUnsafeSysctls: readonly string[];
  /** '' and NoSwap: containers get none. */
  readonly swapBehavior: '' | 'NoSwap' | 'LimitedSwap';
  readonly failSwapOn: boolean;
  readonly shutdownGracePeriodMs: number;
  readonly shutdownGracePeriodCriticalPodsMs: number;
  readonly shutdownGracePeriodByPodPriority: readonly ShutdownPeriod[];
  readonly nodeStatusUpdateFrequencyMs: number;
  /** undefined: five minutes, or as often as it is looked at when that was set. */
  readonly nodeStatusReportFrequencyMs: number | undefined;
  readonly nodeStatusMaxImages: number;
  readonly nodeLeaseDurationSeconds: number;
  readonly registerWithTaints: readonly Taint[];
  readonly providerID: string;
  /** A directory, or one file; '' = there are none. */
  readonly staticPodPath: string;
}

export const KUBELET_CONFIG_DEFAULTS: KubeletConfig = {
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '10%',
    'nodefs.inodesFree': '5%',
    'imagefs.available': '15%',
    'imagefs.inodesFree': '5%',
  },
  evictionSoft: {},
  evictionSoftGracePeriod: {},
  evictionMinimumReclaim: {},
  evictionMaxPodGracePeriod: 0,
  evictionPressureTransitionPeriodMs: 5 * 60_000,
  mergeDefaultEvictionSettings: false,
  imageGCHighThresholdPercent: 85,
  imageGCLowThresholdPercent: 80,
  imageMinimumGCAgeMs: 2 * 60_000,
  imageMaximumGCAgeMs: 0,
  localStorageCapacityIsolation: true,
  systemReserved: {},
  kubeReserved: {},
  enforceNodeAllocatable: ['pods'],
  reservedSystemCPUs: '',
  cpuManagerPolicy: 'none',
  cpuManagerPolicyOptions: {},
  memoryManagerPolicy: 'None',
  reservedMemory: [],
  topologyManagerPolicy: 'none',
  topologyManagerScope: 'container',
  topologyManagerPolicyOptions: {},
  maxPods: 110,
  podsPerCore: 0,
  podPidsLimit: -1,
  cpuCFSQuota: true,
  userNamespaces: { idsPerPod: 65_536 },
  containerLogMaxSizeBytes: 10 * 1024 * 1024,
  containerLogMaxFiles: 5,
  containerLogMonitorIntervalMs: 10_000,
  crashLoopMaxBackOffMs: 300_000,
  seccompDefault: false,
  allowedUnsafeSysctls: [],
  swapBehavior: '',
  failSwapOn: true,
  shutdownGracePeriodMs: 0,
  shutdownGracePeriodCriticalPodsMs: 0,
  shutdownGracePeriodByPodPriority: [],
  nodeStatusUpdateFrequencyMs: 10_000,
  nodeStatusReportFrequencyMs: undefined,
  nodeStatusMaxImages: 50,
  nodeLeaseDurationSeconds: 40,
  registerWithTaints: [],
  providerID: '',
  staticPodPath: '',
};

/** Upstream's name of the field, ours where the unit changes, and how it is read. */
const FIELDS = new Map<string, readonly [keyof KubeletConfig, Reader]>([
  ['evictionHard', ['evictionHard', texts]],
  ['evictionSoft', ['evictionSoft', texts]],
  ['evictionSoftGracePeriod', ['evictionSoftGracePeriod', texts]],
  ['evictionMinimumReclaim', ['evictionMinimumReclaim', texts]],
  ['evictionMaxPodGracePeriod', ['evictionMaxPodGracePeriod', whole]],
  ['evictionPressureTransitionPeriod', ['evictionPressureTransitionPeriodMs', duration]],
  ['mergeDefaultEvictionSettings', ['mergeDefaultEvictionSettings', flag]],
  ['imageGCHighThresholdPercent', ['imageGCHighThresholdPercent', percent]],
  ['imageGCLowThresholdPercent', ['imageGCLowThresholdPercent', percent]],
  ['imageMinimumGCAge', ['imageMinimumGCAgeMs', duration]],
  ['imageMaximumGCAge', ['imageMaximumGCAgeMs', duration]],
  ['localStorageCapacityIsolation', ['localStorageCapacityIsolation', flag]],
  ['systemReserved', ['systemReserved', texts]],
  ['kubeReserved', ['kubeReserved', texts]],
  ['enforceNodeAllocatable', ['enforceNodeAllocatable', listOf(oneOf('none', 'pods'))]],
  ['reservedSystemCPUs', ['reservedSystemCPUs', text]],
  ['cpuManagerPolicy', ['cpuManagerPolicy', oneOf('none', 'static')]],
  ['cpuManagerPolicyOptions', ['cpuManagerPolicyOptions', texts]],
  ['memoryManagerPolicy', ['memoryManagerPolicy', oneOf('None', 'Static')]],
  ['reservedMemory', ['reservedMemory', listOf(memoryReservation)]],
  ['topologyManagerPolicy', ['topologyManagerPolicy', oneOf('none', 'best-effort', 'restricted', 'single-numa-node')]],
  ['topologyManagerScope', ['topologyManagerScope', oneOf('container', 'pod')]],
  ['topologyManagerPolicyOptions', ['topologyManagerPolicyOptions', texts]],
  ['maxPods', ['maxPods', whole]],
  ['podsPerCore', ['podsPerCore', whole]],
  ['podPidsLimit', ['podPidsLimit', whole]],
  ['cpuCFSQuota', ['cpuCFSQuota', flag]],
  ['userNamespaces', ['userNamespaces', userNamespaces]],
  ['containerLogMaxSize', ['containerLogMaxSizeBytes', size]],
  ['containerLogMaxFiles', ['containerLogMaxFiles', whole]],
  ['containerLogMonitorInterval', ['containerLogMonitorIntervalMs', duration]],
  ['crashLoopBackOff', ['crashLoopMaxBackOffMs', within('maxContainerRestartPeriod', duration, 300_000)]],
  ['seccompDefault', ['seccompDefault', flag]],
  ['allowedUnsafeSysctls', ['allowedUnsafeSysctls', words]],
  ['memorySwap', ['swapBehavior', within('swapBehavior', oneOf('', 'NoSwap', 'LimitedSwap'), '')]],
  ['failSwapOn', ['failSwapOn', flag]],
  ['shutdownGracePeriod', ['shutdownGracePeriodMs', duration]],
  ['shutdownGracePeriodCriticalPods', ['shutdownGracePeriodCriticalPodsMs', duration]],
  ['shutdownGracePeriodByPodPriority', ['shutdownGracePeriodByPodPriority', listOf(shutdownPeriod)]],
  ['nodeStatusUpdateFrequency', ['nodeStatusUpdateFrequencyMs', duration]],
  ['nodeStatusReportFrequency', ['nodeStatusReportFrequencyMs', duration]],
  ['nodeStatusMaxImages', ['nodeStatusMaxImages', whole]],
  ['nodeLeaseDurationSeconds', ['nodeLeaseDurationSeconds', whole]],
  ['registerWithTaints', ['registerWithTaints', listOf(taint)]],
  ['providerID', ['providerID', text]],
  ['staticPodPath', ['staticPodPath', text]],
]);

function userNamespaces(value: unknown, path: string): unknown {
  const ids = section(value, path)['idsPerPod'] ?? 65_536;
  if (!Number.isSafeInteger(ids) || Number(ids) <= 0 || Number(ids) % 65_536 !== 0) {
    return fail(`${path}.idsPerPod`, 'must be a multiple of 65536');
  }
  return { idsPerPod: ids };
}

function memoryReservation(value: unknown, path: string): unknown {
  const { numaNode, limits } = section(value, path);
  return { numaNode: whole(numaNode, `${path}.numaNode`), limits: texts(limits, `${path}.limits`) };
}

function shutdownPeriod(value: unknown, path: string): unknown {
  const { priority = 0, shutdownGracePeriodSeconds: seconds } = section(value, path);
  return {
    priority: whole(priority, `${path}.priority`),
    shutdownGracePeriodSeconds: whole(seconds, `${path}.shutdownGracePeriodSeconds`),
  };
}

function taint(value: unknown, path: string): unknown {
  const { key, value: of = '', effect } = section(value, path);
  const allowed = oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute');
  return { key: text(key, `${path}.key`), value: text(of, `${path}.value`), effect: allowed(effect, `${path}.effect`) };
}

export interface ReadConfig {
  readonly config: KubeletConfig;
  /** What was written and has no effect, for the log. */
  readonly warnings: readonly string[];
}

/** `value`: a decoded KubeletConfiguration; undefined = all `defaults`. Throws an Error that names the field. */
export function readConfig(value: unknown, defaults = KUBELET_CONFIG_DEFAULTS): ReadConfig {
  if (value === undefined || value === null) return { config: defaults, warnings: [] };
  const { apiVersion, kind, ...fields } = section(value, 'the file');
  checkType('apiVersion', apiVersion, 'kubelet.config.k8s.io/v1beta1');
  checkType('kind', kind, 'KubeletConfiguration');
  const config: Record<string, unknown> = { ...defaults };
  const warnings: string[] = [];
  for (const [name, given] of Object.entries(fields)) {
    const field = FIELDS.get(name);
    if (field === undefined) warnings.push(...judgeOtherField(name, given));
    else if (given !== null) config[field[0]] = field[1](given, name);
  }
  const done = config as unknown as KubeletConfig;
  const merged = done.mergeDefaultEvictionSettings
    ? { ...done, evictionHard: { ...defaults.evictionHard, ...done.evictionHard } }
    : done;
  checkTogether(merged);
  return { config: merged, warnings };
}

function checkType(name: string, given: unknown, wanted: string): void {
  if (given !== undefined && given !== wanted) fail(name, `must be ${wanted}`);
}

export const parseKubeletConfig = (value: unknown, defaults?: KubeletConfig): KubeletConfig =>
  readConfig(value, defaults).config;

/** What depends on several fields. */
function checkTogether(config: KubeletConfig): void {
  if (config.imageGCLowThresholdPercent >= config.imageGCHighThresholdPercent) {
    fail('imageGCLowThresholdPercent', 'must be less than imageGCHighThresholdPercent');
  }
  const { shutdownGracePeriodMs: all, shutdownGracePeriodCriticalPodsMs: critical } = config;
  if (critical > all) fail('shutdownGracePeriodCriticalPods', 'must be less than or equal to shutdownGracePeriod');
  for (const [field, ms] of [
    ['shutdownGracePeriod', all],
    ['shutdownGracePeriodCriticalPods', critical],
  ] as const) {
    if (ms !== 0 && ms < 1000) fail(field, 'must be either zero or otherwise >= 1s');
  }
  if (all > 0 && config.shutdownGracePeriodByPodPriority.length > 0) {
    fail('shutdownGracePeriodByPodPriority', 'cannot be used together with shutdownGracePeriod');
  }
}
