/** `kapella server`: the control plane of this machine: store on disk, HTTPS, scheduler and controllers in one process. */
import { mkdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { addressAt, type ClusterOptions } from '@kapella/cli';
import type { Ctx } from '@kapella/base';
import { primaryAddress } from '../../node-agent/node/host-address.ts';
import { DNS_ADDRESS_INDEX } from '../../node-agent/node/run-node-agent.ts';
import { kubeconfigYaml } from '../../pki/node/kubeconfig.ts';
import { ensureClusterPki, writePrivate } from '../../pki/node/cluster-pki.ts';

export interface ServerHooks {
  /** The API answers. `url`: for clients of this machine. */
  readonly onReady?: (facts: { readonly url: string; readonly tookMs: number }) => void;
}

/** Names and addresses under which clients may reach the API server. */
export function apiServerHosts(options: ClusterOptions): string[] {
  const domain = options.clusterDomain;
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${domain}`];
  const local = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => entry.family === 'IPv4')
    .map((entry) => entry.address);
  return [...new Set([...names, options.nodeName, '127.0.0.1', addressAt(options.serviceCidr, 1), ...local])];
}
