/** ReplicaSets. Source: kubernetes pkg/controller/replicaset/replica_set.go. */
import { appsV1 } from '@kapella/api';
import type { Controller, ControllerDeps } from '@kapella/controller';
import { createReplicaController } from './replica-controller.ts';

export function createReplicaSetController(deps: ControllerDeps): Controller {
  return createReplicaController(deps, {
    name: 'replicaset-controller',
    kind: appsV1.ReplicaSet,
    selectorOf: ({ spec }) => spec.selector,
    reportsTerminating: true,
  });
}
