/** The agent's HTTPS server with all that it answers from. */
import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import type { Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import type { KubeletMetrics } from '../metrics/kubelet-metrics.ts';
import { addNodeMetrics } from '../metrics/node-metrics.ts';
import type { PodDeps } from '../pods/deps.ts';
import type { PodManager } from '../pods/pod-manager.ts';
import type { MachineFacts } from '../registration/node-object.ts';
import { createNodeAccess } from '../server/access.ts';
import { type KubeletServer, startKubeletServer } from '../server/node/kubelet-server.ts';
import type { NodeServerSource } from '../server-source.ts';
import type { StatsProvider } from '../stats/stats-provider.ts';
import { createReports } from './reports.ts';

export interface NodeServerOptions {
  readonly nodeName: string;
  readonly dataDir: string;
  readonly version: string;
  readonly config: KubeletConfig;
  readonly server?: {
    readonly address: string;
    readonly port: number;
    readonly cert: string;
    readonly key: string;
    readonly clientCa: string;
  };
}

export interface NodeServerParts {
  readonly client: Client;
  readonly deps: PodDeps;
  readonly manager: PodManager;
  readonly source: NodeServerSource;
  readonly stats: StatsProvider;
  readonly metrics: KubeletMetrics;
  readonly machine: MachineFacts;
}

/** undefined = none is wanted. */
export async function startNodeServer(
  { server, nodeName, dataDir, version, config }: NodeServerOptions,
  { client, deps, manager, source, stats, metrics, machine }: NodeServerParts,
  ctx: Ctx,
): Promise<KubeletServer | undefined> {
  const isV2 = await access('/sys/fs/cgroup/cgroup.controllers').then(
    () => true,
    () => false,
  );
  addNodeMetrics(metrics.registry, {
    ...{ nodeName, version, cgroupVersion: isV2 ? 2 : 1 },
    workers: () => manager.workers(),
    claims: () => stats.claims(),
  });
  if (server === undefined) return undefined;
  const digest = (token: string) => createHash('sha256').update(token).digest('base64');
  const checkpointDir = `${dataDir}/checkpoints`;
  return await startKubeletServer(
    {
      ...server,
      source,
      access: createNodeAccess({ client, nodeName, digest }),
      reports: createReports({ deps, manager, stats, metrics, config, machine, version, checkpointDir }),
    },
    ctx,
  );
}
