/** What an administrator may set of the node agent. Source: k8s.io/kubelet/config/v1beta1 (KubeletConfiguration). */
import { parseDurationMs, quantityValue } from '@kapella/api';

type Texts = Readonly<Record<string, string>>;

/** Fields and defaults are upstream's; durations are milliseconds. */
export interface KubeletConfig {
  readonly evictionHard: Texts;
  readonly evictionSoft: Texts;
  readonly evictionSoftGracePeriod: Texts;
  readonly evictionMinimumReclaim: Texts;
  readonly evictionMaxPodGracePeriod: number;
  readonly evictionPressureTransitionPeriodMs: number;
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
  readonly maxPods: number;
  readonly podPidsLimit: number;
  readonly cpuCFSQuota: boolean;
  readonly userNamespaces: { readonly idsPerPod: number };
  readonly containerLogMaxSizeBytes: number;
  readonly containerLogMaxFiles: number;
  readonly crashLoopMaxBackOffMs: number;
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
  maxPods: 110,
  podPidsLimit: -1,
  cpuCFSQuota: true,
  userNamespaces: { idsPerPod: 65_536 },
  containerLogMaxSizeBytes: 10 * 1024 * 1024,
  containerLogMaxFiles: 5,
  crashLoopMaxBackOffMs: 300_000,
};

type Reader = (value: unknown, path: string) => unknown;

const fail = (path: string, what: string): never => {
  throw new Error(`KubeletConfiguration: ${path}: ${what}`);
};
const text: Reader = (v, p) => (typeof v === 'string' ? v : fail(p, 'must be a string'));
const flag: Reader = (v, p) => (typeof v === 'boolean' ? v : fail(p, 'must be true or false'));
const whole: Reader = (v, p) => (Number.isSafeInteger(v) ? v : fail(p, 'must be a whole number'));
const percent: Reader = (v, p) =>
  Number.isInteger(v) && Number(v) >= 0 && Number(v) <= 100 ? v : fail(p, 'must be between 0 and 100');
const duration: Reader = (v, p) =>
  parseDurationMs(String(v)) ?? fail(p, `time: invalid duration "${String(v)}": write it as 30s or 5m`);
const size: Reader = (v, p) => {
  try {
    return quantityValue(v as string);
  } catch {
    return fail(p, 'must be a quantity such as 10Mi');
  }
};
const texts: Reader = (v, p) => {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) return fail(p, 'must be a map of strings');
  const result: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(v)) result[key] = String(text(value, `${p}.${key}`));
  return result;
};
const words: Reader = (v, p) => (Array.isArray(v) ? v.map((word) => text(word, p)) : fail(p, 'must be a list'));
const oneOf =
  (...allowed: readonly string[]): Reader =>
  (v, p) =>
    allowed.includes(String(v)) ? v : fail(p, `must be one of ${allowed.join(', ')}`);
const section = (v: unknown, p: string): Readonly<Record<string, unknown>> =>
  typeof v === 'object' && v !== null && !Array.isArray(v)
    ? (v as Readonly<Record<string, unknown>>)
    : fail(p, 'must be a map');

/** Upstream's name of the field, ours where the unit changes, and how it is read. */
const FIELDS = new Map<string, readonly [keyof KubeletConfig, Reader]>([
  ['evictionHard', ['evictionHard', texts]],
  ['evictionSoft', ['evictionSoft', texts]],
  ['evictionSoftGracePeriod', ['evictionSoftGracePeriod', texts]],
  ['evictionMinimumReclaim', ['evictionMinimumReclaim', texts]],
  ['evictionMaxPodGracePeriod', ['evictionMaxPodGracePeriod', whole]],
  ['evictionPressureTransitionPeriod', ['evictionPressureTransitionPeriodMs', duration]],
  ['imageGCHighThresholdPercent', ['imageGCHighThresholdPercent', percent]],
  ['imageGCLowThresholdPercent', ['imageGCLowThresholdPercent', percent]],
  ['imageMinimumGCAge', ['imageMinimumGCAgeMs', duration]],
  ['imageMaximumGCAge', ['imageMaximumGCAgeMs', duration]],
  ['localStorageCapacityIsolation', ['localStorageCapacityIsolation', flag]],
  ['systemReserved', ['systemReserved', texts]],
  ['kubeReserved', ['kubeReserved', texts]],
  ['enforceNodeAllocatable', ['enforceNodeAllocatable', words]],
  ['reservedSystemCPUs', ['reservedSystemCPUs', text]],
  ['cpuManagerPolicy', ['cpuManagerPolicy', oneOf('none', 'static')]],
  ['cpuManagerPolicyOptions', ['cpuManagerPolicyOptions', texts]],
  ['maxPods', ['maxPods', whole]],
  ['podPidsLimit', ['podPidsLimit', whole]],
  ['cpuCFSQuota', ['cpuCFSQuota', flag]],
  ['userNamespaces', ['userNamespaces', userNamespaces]],
  ['containerLogMaxSize', ['containerLogMaxSizeBytes', size]],
  ['containerLogMaxFiles', ['containerLogMaxFiles', whole]],
  ['crashLoopBackOff', ['crashLoopMaxBackOffMs', crashLoop]],
]);

function userNamespaces(value: unknown, path: string): unknown {
  const ids = section(value, path)['idsPerPod'] ?? 65_536;
  if (!Number.isSafeInteger(ids) || Number(ids) <= 0 || Number(ids) % 65_536 !== 0) {
    return fail(`${path}.idsPerPod`, 'must be a multiple of 65536');
  }
  return { idsPerPod: ids };
}

function crashLoop(value: unknown, path: string): unknown {
  const period = section(value, path)['maxContainerRestartPeriod'];
  return period === undefined ? 300_000 : duration(period, `${path}.maxContainerRestartPeriod`);
}

/** `value`: a decoded KubeletConfiguration; undefined = all `defaults`. Throws an Error that names the field. */
export function parseKubeletConfig(value: unknown, defaults = KUBELET_CONFIG_DEFAULTS): KubeletConfig {
  if (value === undefined || value === null) return defaults;
  const config: Record<string, unknown> = { ...defaults };
  for (const [name, given] of Object.entries(section(value, 'the file'))) {
    if (name === 'apiVersion' || name === 'kind') {
      const wanted = name === 'kind' ? 'KubeletConfiguration' : 'kubelet.config.k8s.io/v1beta1';
      if (given !== wanted) fail(name, `must be ${wanted}`);
      continue;
    }
    const field = FIELDS.get(name);
    if (field === undefined) return fail(name, 'unknown field, or one that this node agent does not have');
    config[field[0]] = field[1](given, name);
  }
  const done = config as unknown as KubeletConfig;
  if (done.imageGCLowThresholdPercent >= done.imageGCHighThresholdPercent) {
    fail('imageGCLowThresholdPercent', 'must be less than imageGCHighThresholdPercent');
  }
  return done;
}
