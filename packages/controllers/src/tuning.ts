/** What flags of kube-controller-manager tune, with upstream's defaults. Source: cmd/kube-controller-manager/app/options. */

/** Each field is the flag of the same name, in camel case, with its unit. */
export interface Tuning {
  readonly nodeMonitorPeriodMs: number;
  /** Without a sign of life for this long a node's state is Unknown. */
  readonly nodeMonitorGracePeriodMs: number;
  /** The same for a node that never said anything. */
  readonly nodeStartupGracePeriodMs: number;
  /** Nodes a second that may be emptied in a healthy zone. */
  readonly nodeEvictionRate: number;
  /** The same in a large zone that is unhealthy. */
  readonly secondaryNodeEvictionRate: number;
  /** A zone of so many nodes or fewer is not emptied at all while it is unhealthy. */
  readonly largeClusterSizeThreshold: number;
  /** A zone is unhealthy when this share of its nodes is down. */
  readonly unhealthyZoneThreshold: number;
  /** Finished Pods that are kept; 0 or less: all. */
  readonly terminatedPodGcThreshold: number;
  readonly horizontalPodAutoscalerSyncPeriodMs: number;
  readonly horizontalPodAutoscalerTolerance: number;
  readonly horizontalPodAutoscalerDownscaleStabilizationMs: number;
  readonly horizontalPodAutoscalerCpuInitializationPeriodMs: number;
  readonly horizontalPodAutoscalerInitialReadinessDelayMs: number;
  readonly resourceQuotaSyncPeriodMs: number;
  readonly namespaceSyncPeriodMs: number;
  readonly pvclaimbinderSyncPeriodMs: number;
  readonly legacyServiceAccountTokenCleanUpPeriodMs: number;
  readonly maxEndpointsPerSlice: number;
  readonly mirroringMaxEndpointsPerSubset: number;
  /** Changes of Pods wait so long for others to come, before the Service is looked at. */
  readonly endpointUpdatesBatchPeriodMs: number;
  readonly endpointsliceUpdatesBatchPeriodMs: number;
  readonly mirroringEndpointsliceUpdatesBatchPeriodMs: number;
  readonly disableForceDetachOnTimeout: boolean;
  readonly routeReconciliationPeriodMs: number;
  readonly enableDynamicProvisioning: boolean;
}

export const DEFAULT_TUNING: Tuning = {
  nodeMonitorPeriodMs: 5_000,
  nodeMonitorGracePeriodMs: 50_000,
  nodeStartupGracePeriodMs: 60_000,
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  largeClusterSizeThreshold: 50,
  unhealthyZoneThreshold: 0.55,
  terminatedPodGcThreshold: 12_500,
  horizontalPodAutoscalerSyncPeriodMs: 15_000,
  horizontalPodAutoscalerTolerance: 0.1,
  horizontalPodAutoscalerDownscaleStabilizationMs: 300_000,
  horizontalPodAutoscalerCpuInitializationPeriodMs: 300_000,
  horizontalPodAutoscalerInitialReadinessDelayMs: 30_000,
  resourceQuotaSyncPeriodMs: 300_000,
  namespaceSyncPeriodMs: 300_000,
  pvclaimbinderSyncPeriodMs: 15_000,
  legacyServiceAccountTokenCleanUpPeriodMs: 8_760 * 3_600_000,
  maxEndpointsPerSlice: 100,
  mirroringMaxEndpointsPerSubset: 1_000,
  endpointUpdatesBatchPeriodMs: 0,
  endpointsliceUpdatesBatchPeriodMs: 0,
  mirroringEndpointsliceUpdatesBatchPeriodMs: 0,
  disableForceDetachOnTimeout: false,
  routeReconciliationPeriodMs: 10_000,
  enableDynamicProvisioning: true,
};
