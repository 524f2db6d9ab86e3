/** The controllers of a cluster, from the table of @kapella/controllers. A room of its own: an API server alone does not load them. */
import type { Controller, ControllerDeps } from '@kapella/controller';
import { CLUSTER_CONTROLLERS, type ClusterFacts, createControllers } from '@kapella/controllers';

export { createNodeCertificateApprover } from './node-join/node-join.ts';
export { NODE_CERTIFICATE_APPROVER, NODE_SETTINGS, type NodeSettingsFacts } from './node-join/rbac.ts';

/** `selection`: a `--controllers` list. */
export function clusterControllers(
  facts: ClusterFacts,
  selection: readonly string[] = CLUSTER_CONTROLLERS,
): (depsOf: (component: string) => ControllerDeps) => readonly Controller[] {
  return (depsOf) => createControllers(selection, depsOf, facts);
}
