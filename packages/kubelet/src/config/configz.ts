/** The agent's configuration as /configz shows it. Source: kubernetes component-base configz, kubelet.config v1beta1. */
import { formatDuration } from '@kapella/api';
import type { KubeletConfig } from './kubelet-config.ts';

const duration = (ms: number) => formatDuration(BigInt(Math.round(ms * 1e6)));

/** Names and units are upstream's again. */
export function configzText(config: KubeletConfig): string {
  const {
    evictionPressureTransitionPeriodMs,
    imageMinimumGCAgeMs,
    imageMaximumGCAgeMs,
    containerLogMaxSizeBytes,
    crashLoopMaxBackOffMs,
    containerLogMonitorIntervalMs,
    shutdownGracePeriodMs,
    shutdownGracePeriodCriticalPodsMs,
    nodeStatusUpdateFrequencyMs,
    nodeStatusReportFrequencyMs,
    swapBehavior,
    ...rest
  } = config;
  const kubeletconfig = {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    ...rest,
    evictionPressureTransitionPeriod: duration(evictionPressureTransitionPeriodMs),
    imageMinimumGCAge: duration(imageMinimumGCAgeMs),
    imageMaximumGCAge: duration(imageMaximumGCAgeMs),
    containerLogMaxSize: String(containerLogMaxSizeBytes),
    containerLogMonitorInterval: duration(containerLogMonitorIntervalMs),
    shutdownGracePeriod: duration(shutdownGracePeriodMs),
    shutdownGracePeriodCriticalPods: duration(shutdownGracePeriodCriticalPodsMs),
    nodeStatusUpdateFrequency: duration(nodeStatusUpdateFrequencyMs),
    nodeStatusReportFrequency: duration(nodeStatusReportFrequencyMs ?? 300_000),
    memorySwap: swapBehavior === '' ? {} : { swapBehavior },
    crashLoopBackOff: { maxContainerRestartPeriod: duration(crashLoopMaxBackOffMs) },
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true, cacheTTL: '2m0s' } },
    authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' } },
  };
  return JSON.stringify({ kubeletconfig });
}
