/** ReplicationControllers. Source: kubernetes pkg/controller/replication/replication_controller.go, an adapter of ReplicaSets there too. */
import { coreV1, type KindRef } from '@kapella/api';
import type { ReplicationController } from '@kapella/api/types/core-v1';
import type { Controller, ControllerDeps } from '@kapella/controller';
import { createReplicaController, type Replicated } from '../replicaset/replica-controller.ts';

export function createReplicationControllerController(deps: ControllerDeps): Controller {
  return createReplicaController(deps, {
    name: 'replicationcontroller-controller',
    kind: coreV1.ReplicationController as KindRef<ReplicationController & Replicated>,
    // A plain map, where that of a ReplicaSet is a selector.
    selectorOf: ({ spec }) => ({ matchLabels: (spec as ReplicationController['spec'])?.selector ?? {} }),
    reportsTerminating: false,
  });
}
