/**
 * The fields of KubeletConfiguration v1beta1 that this agent does not follow: those whose only value here is that of
 * upstream's default are refused with any other; the rest are read over, with a word to the administrator.
 * Source: k8s.io/kubelet/config/v1beta1/types.go.
 */
import { jsonEqual } from '@kapella/base';
import { fail } from './readers.ts';

/** What Kapella does in any case. Another value would be a promise that nobody keeps. */
const FIXED = new Map<string, readonly unknown[]>([
  ['enableServer', [true]],
  ['enableDebuggingHandlers', [true]],
  ['enableControllerAttachDetach', [true]],
  ['cgroupsPerQOS', [true]],
  ['registerNode', [true]],
  ['runOnce', [false]],
  ['protectKernelDefaults', [false]],
  ['readOnlyPort', [0]],
  ['staticPodURL', ['']],
  ['qosReserved', [{}]],
  ['kernelMemcgNotification', [false]],
  ['enableSystemLogQuery', [false]],
  ['cpuCFSQuotaPeriod', ['100ms', '0.1s']],
  ['memoryReservationPolicy', ['', 'None']],
  ['preloadedImagesVerificationAllowlist', [[]]],
]);

const BY_KAPELLA = 'set by kapella up and kapella node join';
const OF_GO = 'concerns the Go program only';
const OWN_LIMITS = 'the agent bounds itself';
const LINUX_TOOLS = 'Service rules are made without it';

/** Why each has no effect here. */
const UNUSED = new Map<string, string>([
  ['address', BY_KAPELLA],
  ['port', BY_KAPELLA],
  ['tlsCertFile', BY_KAPELLA],
  ['tlsPrivateKeyFile', BY_KAPELLA],
  ['rotateCertificates', 'certificates are always renewed while the agent runs'],
  ['serverTLSBootstrap', 'certificates are always renewed while the agent runs'],
  ['tlsCipherSuites', "the runtime's defaults hold: TLS 1.2 and later"],
  ['tlsCurvePreferences', "the runtime's defaults hold: TLS 1.2 and later"],
  ['tlsMinVersion', "the runtime's defaults hold: TLS 1.2 and later"],
  ['authentication', 'the API server is always asked who somebody is; nobody is anonymous'],
  ['authorization', 'the API server is always asked what somebody may'],
  ['clusterDomain', BY_KAPELLA],
  ['clusterDNS', BY_KAPELLA],
  ['resolvConf', BY_KAPELLA],
  ['podCIDR', BY_KAPELLA],
  ['containerRuntimeEndpoint', BY_KAPELLA],
  ['imageServiceEndpoint', BY_KAPELLA],
  ['cgroupRoot', BY_KAPELLA],
  ['cgroupDriver', 'control groups are made by cgroupfs, as containerd is told'],
  ['kubeletCgroups', BY_KAPELLA],
  ['systemCgroups', BY_KAPELLA],
  ['systemReservedCgroup', 'only Pods are held to what they may have'],
  ['kubeReservedCgroup', 'only Pods are held to what they may have'],
  ['podLogsDir', BY_KAPELLA],
  ['volumePluginDir', 'flex volumes are not there; CSI drivers are'],
  ['healthzPort', 'health is at the HTTPS port'],
  ['healthzBindAddress', 'health is at the HTTPS port'],
  ['syncFrequency', 'Pods are looked at when something changes'],
  ['fileCheckFrequency', 'the directory of static Pods is watched'],
  ['httpCheckFrequency', 'static Pods come from files only'],
  ['staticPodURLHeader', 'static Pods come from files only'],
  ['configMapAndSecretChangeDetectionStrategy', 'objects of Pods are watched'],
  ['volumeStatsAggPeriod', 'volumes are measured when somebody asks'],
  ['cpuManagerReconcilePeriod', 'containers are told when something changes'],
  ['registryPullQPS', OWN_LIMITS],
  ['registryBurst', OWN_LIMITS],
  ['eventRecordQPS', OWN_LIMITS],
  ['eventBurst', OWN_LIMITS],
  ['kubeAPIQPS', OWN_LIMITS],
  ['kubeAPIBurst', OWN_LIMITS],
  ['contentType', OWN_LIMITS],
  ['maxOpenFiles', OWN_LIMITS],
  ['runtimeRequestTimeout', OWN_LIMITS],
  ['streamingConnectionIdleTimeout', 'streams stay until one side ends them'],
  ['serializeImagePulls', 'images are pulled side by side'],
  ['maxParallelImagePulls', 'images are pulled side by side'],
  ['imagePullCredentialsVerificationPolicy', 'who may use an image that is there is not checked'],
  ['oomScoreAdj', BY_KAPELLA],
  ['containerLogMaxWorkers', 'logs are rotated one after the other'],
  ['hairpinMode', 'Pods reach themselves through their Service by its rules'],
  ['makeIPTablesUtilChains', LINUX_TOOLS],
  ['iptablesMasqueradeBit', LINUX_TOOLS],
  ['iptablesDropBit', LINUX_TOOLS],
  ['failCgroupV1', 'both versions of control groups work'],
  ['memoryThrottlingFactor', 'part of a feature that is off by default'],
  ['singleProcessOOMKill', 'the kernel decides, as with control groups v1'],
  ['enableSystemLogHandler', 'logs of the host are shown to who may see them'],
  ['enableContentionProfiling', OF_GO],
  ['enableProfilingHandler', OF_GO],
  ['enableDebugFlagsHandler', OF_GO],
  ['showHiddenMetricsForVersion', OF_GO],
  ['logging', 'see kapella logs'],
  ['tracing', 'spans are not sent'],
  ['featureGates', "features are as by upstream's defaults"],
]);

/** What is said to the administrator: nothing when the value is what happens anyway. Throws for a field that is none. */
export function judgeOtherField(name: string, value: unknown): readonly string[] {
  const allowed = FIXED.get(name);
  if (allowed !== undefined) {
    if (allowed.some((one) => jsonEqual(one, value))) return [];
    return fail(name, `this node agent knows no other value than ${JSON.stringify(allowed[0])}`);
  }
  const why = UNUSED.get(name);
  return why === undefined ? fail(name, 'unknown field') : [`${name} has no effect: ${why}`];
}

/** For the documentation's table. */
export const unusedFields: ReadonlyMap<string, string> = UNUSED;
export const fixedFields: ReadonlyMap<string, readonly unknown[]> = FIXED;
