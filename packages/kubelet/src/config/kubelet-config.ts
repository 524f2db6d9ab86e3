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
  readonly systemReservedCgroup: string;
  readonly kubeReservedCgroup: string;
  readonly enforceNodeAllocatable: readonly string[];
  readonly reservedSystemCPUs: string;
  readonly cpuManagerPolicy: 'none' | 'static';
  readonly cpuManagerPolicyOptions: Texts;
  readonly memoryManagerPolicy: 'None' | 'Static';
  readonly reservedMemory: readonly ReservedMemory[];
  readonly topologyManagerPolicy: 'none' | 'best-effort' | 'restricted' | 'single-numa-node';
  readonly topologyManagerScope: 'container' | 'pod';
  readonly topologyManagerPolicyOptions: Texts;
  readonly maxPods: number;
  readonly podPidsLimit: number;
  readonly cpuCFSQuota: boolean;
  readonly failSwapOn: boolean;
  readonly swapBehavior: 'NoSwap' | 'LimitedSwap';
  readonly shutdownGracePeriodMs: number;
  readonly shutdownGracePeriodCriticalPodsMs: number;
  readonly userNamespaces: { readonly idsPerPod: number };
  readonly rotateCertificates: boolean;
  readonly serverTLSBootstrap: boolean;
  readonly containerLogMaxSizeBytes: number;
  readonly containerLogMaxFiles: number;
  readonly crashLoopMaxBackOffMs: number;
}

export interface ReservedMemory {
  readonly numaNode: number;
  readonly limits: Texts;
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
  systemReservedCgroup: '',
  kubeReservedCgroup: '',
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
  podPidsLimit: -1,
  cpuCFSQuota: true,
  failSwapOn: true,
  swapBehavior: 'NoSwap',
  shutdownGracePeriodMs: 0,
  shutdownGracePeriodCriticalPodsMs: 0,
  userNamespaces: { idsPerPod: 65_536 },
  rotateCertificates: true,
  serverTLSBootstrap: false,
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
  ['systemReservedCgroup', ['systemReservedCgroup', text]],
  ['kubeReservedCgroup', ['kubeReservedCgroup', text]],
  ['enforceNodeAllocatable', ['enforceNodeAllocatable', words]],
  ['reservedSystemCPUs', ['reservedSystemCPUs', text]],
  ['cpuManagerPolicy', ['cpuManagerPolicy', oneOf('none', 'static')]],
  ['cpuManagerPolicyOptions', ['cpuManagerPolicyOptions', texts]],
  ['memoryManagerPolicy', ['memoryManagerPolicy', oneOf('None', 'Static')]],
  ['reservedMemory', ['reservedMemory', reservedMemory]],
  ['topologyManagerPolicy', ['topologyManagerPolicy', oneOf('none', 'best-effort', 'restricted', 'single-numa-node')]],
  ['topologyManagerScope', ['topologyManagerScope', oneOf('container', 'pod')]],
  ['topologyManagerPolicyOptions', ['topologyManagerPolicyOptions', texts]],
  ['maxPods', ['maxPods', whole]],
  ['podPidsLimit', ['podPidsLimit', whole]],
  ['cpuCFSQuota', ['cpuCFSQuota', flag]],
  ['failSwapOn', ['failSwapOn', flag]],
  ['memorySwap', ['swapBehavior', swapBehavior]],
  ['shutdownGracePeriod', ['shutdownGracePeriodMs', duration]],
  ['shutdownGracePeriodCriticalPods', ['shutdownGracePeriodCriticalPodsMs', duration]],
  ['userNamespaces', ['userNamespaces', userNamespaces]],
  ['rotateCertificates', ['rotateCertificates', flag]],
  ['serverTLSBootstrap', ['serverTLSBootstrap', flag]],
  ['containerLogMaxSize', ['containerLogMaxSizeBytes', size]],
  ['containerLogMaxFiles', ['containerLogMaxFiles', whole]],
  ['crashLoopBackOff', ['crashLoopMaxBackOffMs', crashLoop]],
]);

function reservedMemory(value: unknown, path: string): readonly ReservedMemory[] {
  if (!Array.isArray(value)) return fail(path, 'must be a list');
  return value.map((item) => {
    const { numaNode, limits } = section(item, path);
    return { numaNode: Number(whole(numaNode, `${path}.numaNode`)), limits: texts(limits, `${path}.limits`) as Texts };
  });
}

function swapBehavior(value: unknown, path: string): unknown {
  const behavior = section(value, path)['swapBehavior'];
  if (behavior === undefined || behavior === '') return 'NoSwap';
  return oneOf('NoSwap', 'LimitedSwap')(behavior, `${path}.swapBehavior`);
}

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

/** `value`: a decoded KubeletConfiguration; undefined = all defaults. Throws an Error that names the field. */
export function parseKubeletConfig(value: unknown): KubeletConfig {
  if (value === undefined || value === null) return KUBELET_CONFIG_DEFAULTS;
  const config: Record<string, unknown> = { ...KUBELET_CONFIG_DEFAULTS };
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
