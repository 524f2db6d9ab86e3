/** Counts and times every call of the runtime. Source: kubernetes pkg/kubelet/kuberuntime/instrumented_services.go. */
import type { Clock } from '@kapella/base';
import type { Cri } from './cri.ts';

/** Names as the metric has them. What is not here is not counted. */
const OPERATIONS: Readonly<Partial<Record<keyof Cri, string>>> = {
  version: 'version',
  status: 'status',
  runPodSandbox: 'run_podsandbox',
  stopPodSandbox: 'stop_podsandbox',
  removePodSandbox: 'remove_podsandbox',
  podSandboxStatus: 'podsandbox_status',
  listPodSandboxes: 'list_podsandbox',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  removeContainer: 'remove_container',
  listContainers: 'list_containers',
  containerStatus: 'container_status',
  updateContainerResources: 'update_container',
  reopenContainerLog: 'reopen_container_log',
  execSync: 'exec_sync',
  exec: 'exec',
  attach: 'attach',
  portForward: 'port_forward',
  listImages: 'list_images',
  imageStatus: 'image_status',
  pullImage: 'pull_image',
  removeImage: 'remove_image',
  imageFsInfo: 'image_fs_info',
  listContainerStats: 'list_container_stats',
};

export type OnRuntimeCall = (operation: string, seconds: number, failed: boolean) => void;

export function meteredCri(cri: Cri, onCall: OnRuntimeCall, clock: Pick<Clock, 'monotonicMs'>): Cri {
  const metered = { ...cri } as Record<string, unknown>;
  for (const [method, operation] of Object.entries(OPERATIONS)) {
    const call = cri[method as keyof Cri] as (...args: readonly unknown[]) => Promise<unknown>;
    metered[method] = async (...args: readonly unknown[]) => {
      const startMs = clock.monotonicMs();
      let failed = true;
      try {
        const answer = await call.apply(cri, [...args]);
        failed = false;
        return answer;
      } finally {
        onCall(operation, (clock.monotonicMs() - startMs) / 1000, failed);
      }
    };
  }
  return metered as unknown as Cri;
}
