/** From a server's options to the components that it runs. */
import { coreV1 } from '@kapella/api';
import { CliError, type ClusterOptions } from '@kapella/cli';
import type { ControlPlaneRoles } from '@kapella/control-plane';
import {
  CLUSTER_CONTROLLERS,
  type ClusterFacts,
  createNodeAddressesCloud,
  unknownControllers,
} from '@kapella/controllers';

export function rolesOf({ roles }: ClusterOptions): ControlPlaneRoles {
  const wanted = roles.split(',');
  return { scheduler: wanted.includes('scheduler'), controllers: wanted.includes('controllers') };
}

/** Throws CliError Usage for names that no controller has. */
export function readControllerList(flag: string, text: string): readonly string[] {
  if (text === '') return CLUSTER_CONTROLLERS;
  const list = text.split(',').map((word) => word.trim());
  const unknown = unknownControllers(list);
  if (unknown.length === 0) return list;
  const message = unknown.map((name) => `${JSON.stringify(name)} is not in the list of known controllers`).join(', ');
  throw new CliError(
    'Usage',
    `${flag}: ${message}`,
    'docs/controllers.md has the names; `*` is all that run by default.',
  );
}

const SSH_PORT = 22;
const KUBELET_PORT = 10_250;

export function cloudOf({ loadBalancer, apiPort }: ClusterOptions): Pick<ClusterFacts, 'cloud'> {
  if (loadBalancer !== 'node-addresses') return {};
  const reservedPorts = new Set([SSH_PORT, KUBELET_PORT, apiPort]);
  return {
    cloud: ({ cache }) =>
      createNodeAddressesCloud({
        services: () => cache.list(coreV1.Service),
        nodes: () => cache.list(coreV1.Node),
        reservedPorts,
      }),
  };
}
