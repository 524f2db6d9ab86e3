/** @kapella/kubelet: the node agent. Pod lifecycle core, workers, volumes, images; the runtime behind CRI. */
export * from './cri/config.ts';
export * from './cri/cri.ts';
export { createFakeCri, type FakeCri, type FakeCriOptions, type FakeExit } from './cri/fake-cri.ts';
export * from './cgroups/cgroups.ts';
export {
  KUBELET_CONFIG_DEFAULTS,
  type KubeletConfig,
  parseKubeletConfig,
  readConfig,
} from './config/kubelet-config.ts';
export type { FileInfo, HostFiles } from './host/host-files.ts';
export { createMemoryFiles } from './host/memory-files.ts';
export { createImageManager, type ImageManager } from './images/image-manager.ts';
export { isSidecar } from './lifecycle/observed.ts';
export { podIpsOf } from './lifecycle/pod-status.ts';
export { planPod, type PodPlan, type PlanInput } from './lifecycle/plan.ts';
export { composePodStatus, type PodStatusInput } from './lifecycle/pod-status.ts';
export { createObjectCache, type ObjectCache } from './objects/object-cache.ts';
export type { NodeSettings, PodDeps } from './pods/deps.ts';
export { createPodManager, type PodManager, type PodManagerOptions } from './pods/pod-manager.ts';
export { createServerSource } from './pods/server-source.ts';
export { createStatusWriter, type StatusWriter } from './pods/status-writer.ts';
export { createProbeManager } from './probes/probe-manager.ts';
export type { ProbeDrivers, ProbeOutcome } from './probes/probe-runner.ts';
export * from './prober.ts';
export { createNodeReporter, type NodeReporter } from './registration/node-reporter.ts';
export { type ExtraAmounts, nodeAmounts, type NodeAmounts } from './registration/allocatable.ts';
export * from './registration/node-object.ts';
export * from './server-source.ts';
export { volumePlugins } from './volumes/index.ts';
export { createTokenSource, type TokenSource } from './volumes/tokens.ts';
export { createVolumeManager, type VolumeManager } from './volumes/volume-manager.ts';
export * from './volumes/volume.ts';
