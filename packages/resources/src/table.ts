/** The table of all built-in resources, by group. */
import type { KubeObject } from '@kapella/api';
import type { ResourceDefinition } from '@kapella/apiserver';
import { controllerRevisionResource } from './apps/controllerrevision/controllerrevision.resource.ts';
import { daemonSetResource } from './apps/daemonset/daemonset.resource.ts';
import { deploymentResource } from './apps/deployment/deployment.resource.ts';
import { replicaSetResource } from './apps/replicaset/replicaset.resource.ts';
import { statefulSetResource } from './apps/statefulset/statefulset.resource.ts';
import { cronJobResource } from './batch/cronjob/cronjob.resource.ts';
import { jobResource } from './batch/job/job.resource.ts';
import { bindingResource } from './core/binding/binding.resource.ts';
import { componentStatusResource } from './core/componentstatus/componentstatus.resource.ts';
import { configMapResource } from './core/configmap/configmap.resource.ts';
import { endpointsResource } from './core/endpoints/endpoints.resource.ts';
import { eventResource } from './core/event/event.resource.ts';
import { limitRangeResource } from './core/limitrange/limitrange.resource.ts';
import { namespaceResource } from './core/namespace/namespace.resource.ts';
import { nodeResource } from './core/node/node.resource.ts';
import { persistentVolumeResource } from './core/persistentvolume/persistentvolume.resource.ts';
import { persistentVolumeClaimResource } from './core/persistentvolumeclaim/persistentvolumeclaim.resource.ts';
import { podResource } from './core/pod/pod.resource.ts';
import { podTemplateResource } from './core/podtemplate/podtemplate.resource.ts';
import { replicationControllerResource } from './core/replicationcontroller/replicationcontroller.resource.ts';
import { resourceQuotaResource } from './core/resourcequota/resourcequota.resource.ts';
import { secretResource } from './core/secret/secret.resource.ts';
import { serviceResource } from './core/service/service.resource.ts';
import { serviceAccountResource } from './core/serviceaccount/serviceaccount.resource.ts';

/** Forgets the object type: the server handles all kinds alike. */
function row<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  return definition as unknown as ResourceDefinition;
}

export const resources: readonly ResourceDefinition[] = [
  row(bindingResource),
  row(componentStatusResource),
  row(configMapResource),
  row(endpointsResource),
  row(eventResource),
  row(limitRangeResource),
  row(namespaceResource),
  row(nodeResource),
  row(persistentVolumeResource),
  row(persistentVolumeClaimResource),
  row(podResource),
  row(podTemplateResource),
  row(replicationControllerResource),
  row(resourceQuotaResource),
  row(secretResource),
  row(serviceResource),
  row(serviceAccountResource),
  row(controllerRevisionResource),
  row(daemonSetResource),
  row(deploymentResource),
  row(replicaSetResource),
  row(statefulSetResource),
  row(cronJobResource),
  row(jobResource),
];
