/** The controllers of kube-controller-manager: names, identities, how each is made. */
import type { Controller, ControllerDeps } from '@kapella/controller';
import {
  createCsrApprovingController,
  createCsrCleanerController,
  createCsrSigningController,
} from './certificates/certificates.controller.ts';
import type { CertificateSigner, X509 } from './certificates/x509.ts';
import { createClusterRoleAggregationController } from './clusterroleaggregation/clusterroleaggregation.controller.ts';
import { createAttachDetachController } from './attach-detach/attach-detach.controller.ts';
import { createExpandController } from './expand/expand.controller.ts';
import { createGarbageCollectorController } from './garbagecollector/garbagecollector.controller.ts';
import { createNamespaceController } from './namespace/namespace.controller.ts';
import { createJobController } from './job/job.controller.ts';
import { createCronJobController } from './cronjob/cronjob.controller.ts';
import { createDaemonSetController } from './daemonset/daemonset.controller.ts';
import { createDeploymentController } from './deployment/deployment.controller.ts';
import { createDeviceTaintEvictionController } from './device-taint-eviction/device-taint-eviction.controller.ts';
import { createDisruptionController } from './disruption/disruption.controller.ts';
import { createEphemeralVolumeController } from './ephemeral-volume/ephemeral-volume.controller.ts';
import { createEndpointsController } from './endpoints/endpoints.controller.ts';
import { createEndpointSliceController } from './endpointslice/endpointslice.controller.ts';
import { createEndpointSliceMirroringController } from './endpointslice/endpointslice-mirroring.controller.ts';
import { createNodeIpamController, type NodeIpamOptions } from './nodeipam/nodeipam.controller.ts';
import { createNodeLifecycleController } from './nodelifecycle/nodelifecycle.controller.ts';
import { createPersistentVolumeBinder } from './persistentvolume-binder/persistentvolume-binder.controller.ts';
import { createPodAutoscalerController } from './podautoscaler/podautoscaler.controller.ts';
import { createPodGcController } from './podgc/podgc.controller.ts';
import {
  createPvcProtectionController,
  createPvProtectionController,
} from './pv-protection/pv-protection.controller.ts';
import { createReplicaSetController } from './replicaset/replicaset.controller.ts';
import { createReplicationControllerController } from './replicationcontroller/replicationcontroller.controller.ts';
import { createResourceClaimController } from './resourceclaim/resourceclaim.controller.ts';
import { createResourceQuotaController } from './resourcequota/resourcequota.controller.ts';
import { createRootCaPublisher } from './root-ca-certificate-publisher/root-ca-certificate-publisher.controller.ts';
import { createBootstrapSigner } from './bootstrapsigner/bootstrapsigner.controller.ts';
import { createTokenCleaner } from './tokencleaner/tokencleaner.controller.ts';
import { createSelinuxWarningController } from './selinux-warning/selinux-warning.controller.ts';
import { createServiceCidrController } from './service-cidr/service-cidr.controller.ts';
import { createServiceAccountController } from './serviceaccount/serviceaccount.controller.ts';
import { createStatefulSetController } from './statefulset/statefulset.controller.ts';
import { createTaintEvictionController } from './tainteviction/tainteviction.controller.ts';
import { createTtlController } from './ttl/ttl.controller.ts';
import {
  createAccountTokenController,
  createLegacyTokenCleaner,
} from './serviceaccount-token/serviceaccount-token.controller.ts';
import { createTtlAfterFinishedController } from './ttl-after-finished/ttl-after-finished.controller.ts';
import { createVacProtectionController } from './vac-protection/vac-protection.controller.ts';
import { createPolicyStatusController } from './validatingadmissionpolicy-status/validatingadmissionpolicy-status.controller.ts';
import type { CloudProvider } from './cloud/cloud-provider.ts';
import { createCloudNodeController, createCloudNodeLifecycleController } from './cloud-node/cloud-node.controller.ts';
import { createNodeRouteController } from './node-route/node-route.controller.ts';
import { createServiceLbController } from './service-lb/service-lb.controller.ts';
import { isSelected } from './known-controllers.ts';
import { DEFAULT_TUNING, type Tuning } from './tuning.ts';

export type * from './cloud/cloud-provider.ts';
export { DEFAULT_TUNING, type Tuning } from './tuning.ts';
export { createNodeAddressesCloud } from './cloud/node-addresses.ts';
export { CLUSTER_CONTROLLERS, isSelected, KNOWN_CONTROLLERS, unknownControllers } from './known-controllers.ts';

/** How certificate requests are read and signed. */
export interface CertificateFacts {
  readonly x509: X509;
  /** By signer name. Empty: nobody here signs. */
  readonly signers: ReadonlyMap<string, CertificateSigner>;
  /** Longest life of a certificate; absent: a year. */
  readonly lifeMsMax?: number;
}

export type SignAccountToken = (
  account: { readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid: string } },
  secretName: string,
) => Promise<string>;

/** What controllers must know of their cluster. */
export interface ClusterFacts {
  /** Network of all Pods; '': nodes are not given pieces of it. */
  readonly podCidr: string;
  /** PEM: published to every namespace; '': it is not. */
  readonly rootCa: string;
  readonly certificates: CertificateFacts;
  /** How nodes are given pieces of it, and of a second network of the other family; absent: of `podCidr`, as upstream's defaults. */
  readonly nodeNetworks?: NodeIpamOptions;
  /** Absent: the controllers that a cloud is asked by do not run. */
  readonly cloud?: (deps: ControllerDeps) => CloudProvider;
  /** The token that a Secret of type kubernetes.io/service-account-token holds. Absent: such Secrets stay without one. */
  readonly signAccountToken?: SignAccountToken;
  /** Absent: as upstream's defaults. */
  readonly tuning?: Tuning;
}

export interface ControllerRow {
  /** As in kube-controller-manager's `--controllers`. */
  readonly name: string;
  /** Its service account in kube-system: upstream's roles are bound to it. */
  readonly account: string;
  readonly onByDefault: boolean;
  /** Undefined: this cluster has no use for it. */
  create(deps: ControllerDeps, facts: ClusterFacts): Controller | undefined;
}

const row = (name: string, account: string, create: ControllerRow['create']): ControllerRow => ({
  name,
  account,
  onByDefault: isSelected(name, ['*']),
  create,
});

/** One that flags tune. */
const tuned = (
  name: string,
  account: string,
  create: (deps: ControllerDeps, tuning: Tuning) => Controller,
): ControllerRow => row(name, account, (deps, { tuning = DEFAULT_TUNING }) => create(deps, tuning));

/** One that works through a part of the cloud, where there is a cloud that has the part. */
const cloudRow = <P extends 'loadBalancer' | 'routes' | 'instances'>(
  name: string,
  account: string,
  part: P,
  create: (deps: ControllerDeps, with_: NonNullable<CloudProvider[P]>, facts: ClusterFacts) => Controller,
): ControllerRow =>
  row(name, account, (deps, facts) => {
    const supported = facts.cloud?.(deps)[part];
    return supported && create(deps, supported, facts);
  });

export const controllers: readonly ControllerRow[] = [
  row('serviceaccount-controller', 'service-account-controller', createServiceAccountController),
  // Upstream's writes as the controller manager itself: no other controller's role may update Secrets everywhere.
  row('serviceaccount-token-controller', 'system:kube-controller-manager', createAccountTokenController),
  tuned(
    'legacy-serviceaccount-token-cleaner-controller',
    'legacy-service-account-token-cleaner',
    createLegacyTokenCleaner,
  ),
  row('root-ca-certificate-publisher-controller', 'root-ca-cert-publisher', (deps, { rootCa }) =>
    rootCa === '' ? undefined : createRootCaPublisher(deps, rootCa),
  ),
  row('service-cidr-controller', 'service-cidrs-controller', createServiceCidrController),
  row('node-ipam-controller', 'node-controller', (deps, { podCidr, nodeNetworks }) =>
    podCidr === '' ? undefined : createNodeIpamController(deps, nodeNetworks ?? { clusterCidrs: [podCidr] }),
  ),
  tuned('node-lifecycle-controller', 'node-controller', createNodeLifecycleController),
  row('taint-eviction-controller', 'node-controller', createTaintEvictionController),
  row('deployment-controller', 'deployment-controller', createDeploymentController),
  row('replicaset-controller', 'replicaset-controller', createReplicaSetController),
  row('replicationcontroller-controller', 'replication-controller', createReplicationControllerController),
  row('statefulset-controller', 'statefulset-controller', createStatefulSetController),
  row('daemonset-controller', 'daemon-set-controller', createDaemonSetController),
  row('garbage-collector-controller', 'generic-garbage-collector', createGarbageCollectorController),
  tuned('namespace-controller', 'namespace-controller', (deps, tuning) => createNamespaceController(deps, { tuning })),
  row('job-controller', 'job-controller', createJobController),
  row('cronjob-controller', 'cronjob-controller', createCronJobController),
  tuned('endpointslice-controller', 'endpointslice-controller', createEndpointSliceController),
  tuned(
    'endpointslice-mirroring-controller',
    'endpointslicemirroring-controller',
    createEndpointSliceMirroringController,
  ),
  tuned('endpoints-controller', 'endpoint-controller', createEndpointsController),
  tuned('horizontal-pod-autoscaler-controller', 'horizontal-pod-autoscaler', createPodAutoscalerController),
  tuned('resourcequota-controller', 'resourcequota-controller', createResourceQuotaController),
  row('resourceclaim-controller', 'resource-claim-controller', createResourceClaimController),
  row('ephemeral-volume-controller', 'ephemeral-volume-controller', createEphemeralVolumeController),
  row('certificatesigningrequest-approving-controller', 'certificate-controller', (deps, { certificates }) =>
    createCsrApprovingController(deps, certificates),
  ),
  row('certificatesigningrequest-signing-controller', 'certificate-controller', (deps, { certificates }) =>
    certificates.signers.size === 0 ? undefined : createCsrSigningController(deps, certificates),
  ),
  row('certificatesigningrequest-cleaner-controller', 'certificate-controller', (deps, { certificates }) =>
    createCsrCleanerController(deps, certificates),
  ),
  row('disruption-controller', 'disruption-controller', createDisruptionController),
  row('device-taint-eviction-controller', 'device-taint-eviction-controller', createDeviceTaintEvictionController),
  row('ttl-controller', 'ttl-controller', createTtlController),
  row(
    'volumeattributesclass-protection-controller',
    'volumeattributesclass-protection-controller',
    createVacProtectionController,
  ),
  tuned('pod-garbage-collector-controller', 'pod-garbage-collector', createPodGcController),
  row('ttl-after-finished-controller', 'ttl-after-finished-controller', createTtlAfterFinishedController),
  row(
    'clusterrole-aggregation-controller',
    'clusterrole-aggregation-controller',
    createClusterRoleAggregationController,
  ),
  row(
    'validatingadmissionpolicy-status-controller',
    'validatingadmissionpolicy-status-controller',
    createPolicyStatusController,
  ),
  tuned('persistentvolume-binder-controller', 'persistent-volume-binder', createPersistentVolumeBinder),
  row('persistentvolumeclaim-protection-controller', 'pvc-protection-controller', createPvcProtectionController),
  row('bootstrap-signer-controller', 'bootstrap-signer', createBootstrapSigner),
  row('token-cleaner-controller', 'token-cleaner', createTokenCleaner),
  tuned('persistentvolume-attach-detach-controller', 'attachdetach-controller', createAttachDetachController),
  row('selinux-warning-controller', 'selinux-warning-controller', createSelinuxWarningController),
  row('persistentvolume-expander-controller', 'expand-controller', createExpandController),
  row('persistentvolume-protection-controller', 'pv-protection-controller', createPvProtectionController),
  cloudRow('service-lb-controller', 'service-controller', 'loadBalancer', createServiceLbController),
  cloudRow('node-route-controller', 'route-controller', 'routes', (deps, routes, { podCidr, nodeNetworks, tuning }) =>
    createNodeRouteController(deps, routes, nodeNetworks?.clusterCidrs ?? [podCidr], tuning),
  ),
  cloudRow('cloud-node-controller', 'node-controller', 'instances', createCloudNodeController),
  cloudRow('cloud-node-lifecycle-controller', 'node-controller', 'instances', createCloudNodeLifecycleController),
];

/** The controllers that a `--controllers` list selects, as far as this cluster has a use for them. */
export function createControllers(
  selection: readonly string[],
  depsOf: (account: string) => ControllerDeps,
  facts: ClusterFacts,
): Controller[] {
  return controllers
    .filter(({ name }) => isSelected(name, selection))
    .map((selected) => selected.create(depsOf(selected.account), facts))
    .filter((controller) => controller !== undefined);
}
