/** The controllers of a cluster, from the table of @kapella/controllers. A room of its own: an API server alone does not load them. */
import type { Controller, ControllerDeps } from '@kapella/controller';
import { type ClusterFacts, controllers } from '@kapella/controllers';

export function clusterControllers(
  facts: ClusterFacts,
): (depsOf: (component: string) => ControllerDeps) => readonly Controller[] {
  return (depsOf) => controllers.filter((row) => row.onByDefault).map((row) => row.create(depsOf(row.account), facts));
}
