/** What to do with a claim. Pure. Source: kubernetes pkg/controller/volume/persistentvolume/pv_controller.go, syncClaim. */
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { classOf, findVolume, isBoundTo, mismatch } from './plan-binding.ts';

export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_CLASS_BETA = 'storageclass.beta.kubernetes.io/is-default-class';

export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimPlan =
  | { readonly action: 'bind'; readonly volume: PersistentVolume }
  /** Stays Pending. */
  | { readonly action: 'wait'; readonly told?: Told; readonly provisioner?: string }
  | { readonly action: 'lose'; readonly told: Told }
  /** A default class came up after the claim. */
  | { readonly action: 'set-class'; readonly className: string };

export interface ClaimInput {
  readonly claim: PersistentVolumeClaim;
  /** The one that the claim names. */
  readonly named: PersistentVolume | undefined;
  readonly volumes: readonly PersistentVolume[];
  readonly classes: readonly StorageClass[];
  /** Pods that use the claim and have no node yet. */
  readonly waitingPods: readonly string[];
  /** Upstream's --enable-dynamic-provisioning. */
  readonly mayProvision: boolean;
}

const warning = (reason: string, message: string): Told => ({ type: 'Warning', reason, message });
const normal = (reason: string, message: string): Told => ({ type: 'Normal', reason, message });

export function planClaim(input: ClaimInput): ClaimPlan {
  const { claim, named } = input;
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return planBound(claim, named);
  if (!claim.spec.volumeName) return planUnbound(input);
  if (named === undefined) return { action: 'wait' }; // it may still be made
  if (named.spec.claimRef === undefined) {
    const why = mismatch(named, claim);
    if (why === undefined) return { action: 'bind', volume: named };
    const told = warning('VolumeMismatch', `Cannot bind to requested volume "${named.metadata.name}": ${why}`);
    return { action: 'wait', told };
  }
  if (isBoundTo(named, claim)) return { action: 'bind', volume: named };
  return {
    action: 'wait',
    told: warning('FailedBinding', `volume "${named.metadata.name}" already bound to a different claim.`),
  };
}

function planBound(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): ClaimPlan {
  const lost = (reason: string, message: string): ClaimPlan => ({ action: 'lose', told: warning(reason, message) });
  if (!claim.spec.volumeName) {
    return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  }
  if (volume === undefined)
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const ref = volume.spec.claimRef;
  if (ref === undefined || ref.uid === claim.metadata.uid) return { action: 'bind', volume };
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

function planUnbound({ claim, volumes, classes, waitingPods, mayProvision }: ClaimInput): ClaimPlan {
  const className = classOf(claim);
  const storageClass = classes.find((candidate) => candidate.metadata.name === className);
  const delayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const isPlaced = claim.metadata.annotations?.[SELECTED_NODE] !== undefined;
  // A scheduler that only names a node leaves the choice among the free volumes to us.
  const volume = findVolume(claim, volumes, delayed && !isPlaced);
  if (volume !== undefined) return { action: 'bind', volume };
  const fallback = claim.spec.storageClassName === undefined && className === '' ? defaultClass(classes) : undefined;
  if (fallback !== undefined) return { action: 'set-class', className: fallback.metadata.name };
  if (delayed && !isPlaced) return { action: 'wait', told: explainDelay(waitingPods) };
  if (className === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return { action: 'wait', told: normal('FailedBinding', message) };
  }
  return mayProvision ? provision(className, storageClass) : { action: 'wait' };
}

function explainDelay(pods: readonly string[]): Told {
  if (pods.length === 0)
    return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  return normal(
    'WaitForPodScheduled',
    `waiting for ${pods.length > 1 ? 'pods' : 'pod'} ${pods.join(',')} to be scheduled`,
  );
}

/** Nothing is provisioned here: whoever serves the class sees its name on the claim. */
function provision(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  const failed = (message: string): ClaimPlan => ({ action: 'wait', told: warning('ProvisioningFailed', message) });
  if (storageClass === undefined) return failed(`storageclass.storage.k8s.io "${className}" not found`);
  const { provisioner } = storageClass;
  if (provisioner.startsWith('kubernetes.io/')) return failed(`no volume plugin matched name: ${provisioner}`);
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' ` +
    'or manually by the system administrator. If volume creation is delayed, ' +
    'please verify that the provisioner is running and correctly registered.';
  return { action: 'wait', told: normal('ExternalProvisioning', message), provisioner };
}

/** The newest, and of the same age the first by name. */
function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const isDefault = ({ metadata: { annotations } }: StorageClass) =>
    annotations?.[DEFAULT_CLASS] === 'true' || annotations?.[DEFAULT_CLASS_BETA] === 'true';
  return classes.filter(isDefault).toSorted((a, b) => {
    const [left, right] = [a.metadata, b.metadata];
    if (left.creationTimestamp !== right.creationTimestamp)
      return left.creationTimestamp < right.creationTimestamp ? 1 : -1;
    return left.name < right.name ? -1 : 1;
  })[0];
}
