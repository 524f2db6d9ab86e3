/** What the node agent's HTTPS server tells about the node, apart from Pods and their streams. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { Summary } from '../stats/summary.ts';

export type MetricsPage = 'metrics' | 'cadvisor' | 'resource' | 'probes';

export interface NodeReports {
  metrics(page: MetricsPage, ctx: Ctx): Promise<string>;
  summary(ctx: Ctx): Promise<Summary>;
  /** What the runtime runs, with no more than names and images. */
  runningPods(ctx: Ctx): Promise<readonly Pod[]>;
  /** JSON. */
  configz(): string;
  /** Why the Pods' loop is not well; undefined = it is. */
  syncLoopProblem(): string | undefined;
  /** Writes the state of a running container to a file of the node and answers its path. Throws ApiError. */
  checkpoint(namespace: string, pod: string, container: string, timeoutSeconds: number, ctx: Ctx): Promise<string>;
  /** A request to the server has begun; called back with its seconds when it ends. */
  onRequest(method: string, path: string, longRunning: boolean): { ended(seconds: number): void };
  onWebSocket(subresource: string): void;
}

/** Only what `kubectl top` needs. */
export function cpuAndMemoryOnly({ node, pods }: Summary): Summary {
  const part = <T extends { readonly cpu?: unknown; readonly memory?: unknown }>({ cpu, memory }: T) => ({
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
  });
  return {
    node: {
      nodeName: node.nodeName,
      startTime: node.startTime,
      systemContainers: node.systemContainers.map((one) => ({
        name: one.name,
        startTime: one.startTime,
        ...part(one),
      })),
      ...part(node),
    },
    pods: pods.map((pod) => ({
      podRef: pod.podRef,
      startTime: pod.startTime,
      containers: pod.containers.map((one) => ({ name: one.name, startTime: one.startTime, ...part(one) })),
      ...part(pod),
    })),
  } as Summary;
}
