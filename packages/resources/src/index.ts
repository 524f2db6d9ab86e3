/** @kapella/resources: one table per built-in kind. A kind that is served is a row here. */
import type { KubeObject } from '@kapella/api';
import type { ResourceDefinition } from '@kapella/apiserver';
import {
  mutatingAdmissionPolicyResource,
  mutatingAdmissionPolicyBindingResource,
  mutatingWebhookConfigurationResource,
  validatingAdmissionPolicyResource,
  validatingAdmissionPolicyBindingResource,
  validatingWebhookConfigurationResource,
} from './admissionregistration/index.ts';
import { customResourceDefinitionResource } from './apiextensions/customresourcedefinition/customresourcedefinition.resource.ts';
import { apiServiceResource } from './apiregistration/apiservice/apiservice.resource.ts';
import { controllerRevisionResource } from './apps/controllerrevision/controllerrevision.resource.ts';
import { daemonSetResource } from './apps/daemonset/daemonset.resource.ts';
import { deploymentResource } from './apps/deployment/deployment.resource.ts';
import { replicaSetResource } from './apps/replicaset/replicaset.resource.ts';
import { statefulSetResource } from './apps/statefulset/statefulset.resource.ts';
import { selfSubjectReviewResource } from './authentication/selfsubjectreview/selfsubjectreview.resource.ts';
import { tokenReviewResource } from './authentication/tokenreview/tokenreview.resource.ts';
import { localSubjectAccessReviewResource } from './authorization/localsubjectaccessreview/localsubjectaccessreview.resource.ts';
import { selfSubjectAccessReviewResource } from './authorization/selfsubjectaccessreview/selfsubjectaccessreview.resource.ts';
import { selfSubjectRulesReviewResource } from './authorization/selfsubjectrulesreview/selfsubjectrulesreview.resource.ts';
import { subjectAccessReviewResource } from './authorization/subjectaccessreview/subjectaccessreview.resource.ts';
import {
  autoscalerV1Resource,
  autoscalerV2Resource,
} from './autoscaling/horizontalpodautoscaler/horizontalpodautoscaler.resource.ts';
import { cronJobResource } from './batch/cronjob/cronjob.resource.ts';
import { jobResource } from './batch/job/job.resource.ts';
import { certificateSigningRequestResource } from './certificates/certificatesigningrequest/certificatesigningrequest.resource.ts';
import { leaseResource } from './coordination/lease/lease.resource.ts';
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
import { endpointSliceResource } from './discovery/endpointslice/endpointslice.resource.ts';
import { newEventResource } from './events/event/event.resource.ts';
import { flowSchemaResource } from './flowcontrol/flowschema/flowschema.resource.ts';
import { priorityLevelConfigurationResource } from './flowcontrol/prioritylevelconfiguration/prioritylevelconfiguration.resource.ts';
import { ingressResource } from './networking/ingress/ingress.resource.ts';
import { ingressClassResource } from './networking/ingressclass/ingressclass.resource.ts';
import { ipAddressResource } from './networking/ipaddress/ipaddress.resource.ts';
import { networkPolicyResource } from './networking/networkpolicy/networkpolicy.resource.ts';
import { serviceCIDRResource } from './networking/servicecidr/servicecidr.resource.ts';
import { runtimeClassResource } from './node/runtimeclass/runtimeclass.resource.ts';
import { podDisruptionBudgetResource } from './policy/poddisruptionbudget/poddisruptionbudget.resource.ts';
import { clusterRoleResource } from './rbac/clusterrole/clusterrole.resource.ts';
import { clusterRoleBindingResource } from './rbac/clusterrolebinding/clusterrolebinding.resource.ts';
import { roleResource } from './rbac/role/role.resource.ts';
import { roleBindingResource } from './rbac/rolebinding/rolebinding.resource.ts';
import { deviceClassResource } from './resource/deviceclass/deviceclass.resource.ts';
import { resourceClaimResource } from './resource/resourceclaim/resourceclaim.resource.ts';
import { resourceClaimTemplateResource } from './resource/resourceclaimtemplate/resourceclaimtemplate.resource.ts';
import { resourceSliceResource } from './resource/resourceslice/resourceslice.resource.ts';
import { priorityClassResource } from './scheduling/priorityclass/priorityclass.resource.ts';
import { csiDriverResource } from './storage/csidriver/csidriver.resource.ts';
import { csiNodeResource } from './storage/csinode/csinode.resource.ts';
import { csiStorageCapacityResource } from './storage/csistoragecapacity/csistoragecapacity.resource.ts';
import { storageClassResource } from './storage/storageclass/storageclass.resource.ts';
import { volumeAttachmentResource } from './storage/volumeattachment/volumeattachment.resource.ts';
import { volumeAttributesClassResource } from './storage/volumeattributesclass/volumeattributesclass.resource.ts';

export { AddressIndex, DEFAULT_SERVICE_CIDR } from './core/service/address-index.ts';
export type { IpFamilyName } from './core/service/ip-networks.ts';
export { parentOf, planRepair, portProblems, type RepairEvent } from './core/service/repair-plan.ts';
export {
  addressRecord,
  claimsOf,
  createServiceAllocator,
  type ServiceAllocator,
  type ServiceAllocatorOptions,
  type ServiceClaims,
} from './core/service/service-allocator.ts';
export { normalizeFieldPath } from './apiextensions/customresourcedefinition/rule-field-path.ts';
export { approvalOf } from './apiextensions/customresourcedefinition/approval.ts';
export { isUsableBundle } from './support/ca-bundle.ts';
export { ruleTypes } from './apiextensions/customresourcedefinition/rules.validate.ts';
export { nameColumn } from './support/columns.ts';
export { sinceTime } from './support/format.ts';
export type { BoundObject, TokenIssuer } from './core/serviceaccount/serviceaccount.resource.ts';
export type { TokenAuthenticator } from './authentication/tokenreview/tokenreview.resource.ts';
export type { ComponentHealth, ComponentVerdict } from './core/componentstatus/component-health.ts';
export type { AccessAuthorizer, AccessQuestion } from './authorization/access-review.ts';

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
  row(autoscalerV2Resource),
  row(autoscalerV1Resource),
  row(podDisruptionBudgetResource),
  row(clusterRoleResource),
  row(clusterRoleBindingResource),
  row(roleResource),
  row(roleBindingResource),
  row(ingressResource),
  row(ingressClassResource),
  row(ipAddressResource),
  row(networkPolicyResource),
  row(serviceCIDRResource),
  row(endpointSliceResource),
  row(leaseResource),
  row(csiDriverResource),
  row(csiNodeResource),
  row(csiStorageCapacityResource),
  row(storageClassResource),
  row(volumeAttachmentResource),
  row(volumeAttributesClassResource),
  row(priorityClassResource),
  row(certificateSigningRequestResource),
  row(newEventResource),
  row(runtimeClassResource),
  row(mutatingAdmissionPolicyResource),
  row(mutatingAdmissionPolicyBindingResource),
  row(mutatingWebhookConfigurationResource),
  row(validatingAdmissionPolicyResource),
  row(validatingAdmissionPolicyBindingResource),
  row(validatingWebhookConfigurationResource),
  row(selfSubjectReviewResource),
  row(tokenReviewResource),
  row(localSubjectAccessReviewResource),
  row(selfSubjectAccessReviewResource),
  row(selfSubjectRulesReviewResource),
  row(subjectAccessReviewResource),
  row(flowSchemaResource),
  row(priorityLevelConfigurationResource),
  row(deviceClassResource),
  row(resourceClaimResource),
  row(resourceClaimTemplateResource),
  row(resourceSliceResource),
  row(customResourceDefinitionResource),
  row(apiServiceResource),
];
