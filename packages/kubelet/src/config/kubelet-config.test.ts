/** Files that administrators have: every field of upstream's is followed, refused, or said to have no effect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configzText } from './configz.ts';
import { KUBELET_CONFIG_DEFAULTS, parseKubeletConfig, readConfig } from './kubelet-config.ts';
import { fixedFields, unusedFields } from './other-fields.ts';

/** Of k8s.io/kubelet v0.36, config/v1beta1/types.go. */
const UPSTREAM_FIELDS = `
  address allowedUnsafeSysctls authentication authorization cgroupDriver cgroupRoot cgroupsPerQOS clusterDNS
  clusterDomain configMapAndSecretChangeDetectionStrategy containerLogMaxFiles containerLogMaxSize
  containerLogMaxWorkers containerLogMonitorInterval containerRuntimeEndpoint contentType cpuCFSQuota
  cpuCFSQuotaPeriod cpuManagerPolicy cpuManagerPolicyOptions cpuManagerReconcilePeriod crashLoopBackOff
  enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers
  enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery enforceNodeAllocatable eventBurst
  eventRecordQPS evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim evictionPressureTransitionPeriod
  evictionSoft evictionSoftGracePeriod failCgroupV1 failSwapOn featureGates fileCheckFrequency hairpinMode
  healthzBindAddress healthzPort httpCheckFrequency imageGCHighThresholdPercent imageGCLowThresholdPercent
  imageMaximumGCAge imageMinimumGCAge imagePullCredentialsVerificationPolicy imageServiceEndpoint iptablesDropBit
  iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS kubeReserved kubeReservedCgroup kubeletCgroups
  localStorageCapacityIsolation logging makeIPTablesUtilChains maxOpenFiles maxParallelImagePulls maxPods
  memoryManagerPolicy memoryReservationPolicy memorySwap memoryThrottlingFactor mergeDefaultEvictionSettings
  nodeLeaseDurationSeconds nodeStatusMaxImages nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podCIDR
  podLogsDir podPidsLimit podsPerCore port preloadedImagesVerificationAllowlist protectKernelDefaults providerID
  qosReserved readOnlyPort registerNode registerWithTaints registryBurst registryPullQPS reservedMemory
  reservedSystemCPUs resolvConf rotateCertificates runOnce runtimeRequestTimeout seccompDefault serializeImagePulls
  serverTLSBootstrap showHiddenMetricsForVersion shutdownGracePeriod shutdownGracePeriodByPodPriority
  shutdownGracePeriodCriticalPods singleProcessOOMKill staticPodPath staticPodURL staticPodURLHeader
  streamingConnectionIdleTimeout syncFrequency systemCgroups systemReserved systemReservedCgroup tlsCertFile
  tlsCipherSuites tlsCurvePreferences tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy
  topologyManagerPolicyOptions topologyManagerScope tracing userNamespaces volumePluginDir volumeStatsAggPeriod
`;

const isKnown = (name: string): boolean => {
  try {
    readConfig({ [name]: null });
    return true;
  } catch (error) {
    return !/unknown field/.test(String(error));
  }
};

test('no field of upstream is unknown, and none that is not upstream is known', () => {
  const names = UPSTREAM_FIELDS.trim().split(/\s+/);
  assert.deepEqual(
    names.filter((name) => !isKnown(name)),
    [],
  );
  for (const name of [...unusedFields.keys(), ...fixedFields.keys()]) assert.ok(names.includes(name), name);
  assert.throws(() => readConfig({ evictionHarder: {} }), /evictionHarder: unknown field/);
});

test('a file as kubeadm writes it is read unchanged', () => {
  const { config, warnings } = readConfig({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { cacheTTL: '0s', enabled: true } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'systemd',
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    cpuManagerReconcilePeriod: '0s',
    evictionPressureTransitionPeriod: '1m0s',
    rotateCertificates: true,
    enableServer: true,
    shutdownGracePeriod: '30s',
    shutdownGracePeriodCriticalPods: '10s',
    staticPodPath: '/etc/kubernetes/manifests',
    crashLoopBackOff: {},
    memorySwap: {},
    logging: { format: 'text' },
  });
  assert.equal(config.evictionPressureTransitionPeriodMs, 60_000);
  assert.equal(config.shutdownGracePeriodCriticalPodsMs, 10_000);
  assert.equal(config.crashLoopMaxBackOffMs, 300_000);
  assert.ok(
    warnings.includes('cgroupDriver has no effect: control groups are made by cgroupfs, as containerd is told'),
  );
  assert.equal(warnings.length, 8);
  assert.equal(config.staticPodPath, '/etc/kubernetes/manifests');
});

test('what is fixed here is refused with another value, as is what upstream refuses', () => {
  const refuses = (value: object, message: RegExp) => assert.throws(() => parseKubeletConfig(value), message);
  refuses({ enableServer: false }, /enableServer: this node agent knows no other value than true/);
  refuses({ kind: 'Pod' }, /kind: must be KubeletConfiguration/);
  refuses({ maxPods: 'many' }, /maxPods: must be a whole number/);
  refuses({ topologyManagerPolicy: 'nearest' }, /must be one of none, best-effort, restricted, single-numa-node/);
  refuses({ imageGCLowThresholdPercent: 90 }, /must be less than imageGCHighThresholdPercent/);
  refuses({ shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '20s' }, /less than or equal to/);
  const byPriority = [{ priority: 0, shutdownGracePeriodSeconds: 10 }];
  refuses({ shutdownGracePeriod: '10s', shutdownGracePeriodByPodPriority: byPriority }, /cannot be used together/);
  refuses({ registerWithTaints: [{ key: 'a', effect: 'Never' }] }, /registerWithTaints\[0\].effect: must be one of/);
});

test('thresholds are replaced whole, or merged where wanted', () => {
  const evictionHard = { 'memory.available': '1Gi' };
  assert.deepEqual({ ...parseKubeletConfig({ evictionHard }).evictionHard }, evictionHard);
  const merged = parseKubeletConfig({ evictionHard, mergeDefaultEvictionSettings: true });
  assert.equal(merged.evictionHard['memory.available'], '1Gi');
  assert.equal(merged.evictionHard['nodefs.available'], '10%');
});

test('what is in effect is shown by the names and units of upstream', () => {
  const { kubeletconfig } = JSON.parse(configzText(KUBELET_CONFIG_DEFAULTS));
  assert.equal(kubeletconfig.nodeStatusUpdateFrequency, '10s');
  assert.equal(kubeletconfig.containerLogMonitorInterval, '10s');
  assert.deepEqual(
    Object.keys(kubeletconfig).filter((name) => /(Ms|Bytes)$/.test(name)),
    [],
  );
});
