/** Who owns the claims of a Pod under the set's retention policy. Source: …/statefulset/stateful_set_utils.go. */
import { appsV1, coreV1, type KindRef, type OwnerReference, apiVersionOf } from '@kapella/api';
import type { StatefulSet } from '@kapella/api/types/apps-v1';
import type { PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { controllerRef } from '@kapella/controller';
import { type AnyPod, isInRange, ordinalOf } from './identity.ts';

export interface ClaimOwnersPlan {
  /** The references to write; undefined when those present are right. */
  readonly ownerReferences: readonly OwnerReference[] | undefined;
  /** Another controller owns the claim: the policy is ignored for it. */
  readonly conflict: boolean;
}

/** Pure. `pod` may be one that is not created yet. */
export function planClaimOwners(claim: PersistentVolumeClaim, set: StatefulSet, pod: AnyPod): ClaimOwnersPlan {
  const conflict = hasUnexpectedController(claim, set, pod);
  if (isUpToDate(claim, set, pod, conflict)) return { ownerReferences: undefined, conflict };
  const others = refsOf(claim).filter((ref) => !names(ref, set, appsV1.StatefulSet) && !names(ref, pod, coreV1.Pod));
  if (conflict) return { ownerReferences: others, conflict };
  const wanted = wantedOwners(set, pod);
  const added: OwnerReference[] = [];
  if (wanted.pod) added.push(controllerRef(coreV1.Pod, pod as { metadata: { name: string; uid: string } }));
  if (wanted.set) added.push(controllerRef(appsV1.StatefulSet, set));
  return { ownerReferences: [...others, ...added], conflict };
}

/** The claim is of an earlier Pod of this name and goes with it: nothing new may use it. */
export function isStale(claim: PersistentVolumeClaim, set: StatefulSet, pod: AnyPod): boolean {
  if (policyOf(set).whenScaled === 'Retain') return false;
  return hasStaleRef(claim, pod, coreV1.Pod);
}

function policyOf(set: StatefulSet): { readonly whenDeleted: string; readonly whenScaled: string } {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  return { whenDeleted, whenScaled };
}

function wantedOwners(set: StatefulSet, pod: AnyPod): { readonly set: boolean; readonly pod: boolean } {
  const { whenDeleted, whenScaled } = policyOf(set);
  const isScaledDown = !isInRange(set, ordinalOf(pod));
  const goesWithPod = whenScaled === 'Delete' && isScaledDown;
  return { pod: goesWithPod, set: whenDeleted === 'Delete' && !goesWithPod };
}

function isUpToDate(claim: PersistentVolumeClaim, set: StatefulSet, pod: AnyPod, conflict: boolean): boolean {
  // Of a set or Pod of before: the garbage collector's business.
  if (hasStaleRef(claim, set, appsV1.StatefulSet) || hasStaleRef(claim, pod, coreV1.Pod)) return true;
  const [bySet, byPod] = [isOwnedBy(claim, set), isOwnedBy(claim, pod)];
  if (conflict) return !bySet && !byPod;
  const plain = refsOf(claim).some((ref) => isOneOf(ref, set, pod) && ref.controller !== true);
  if (plain) return false;
  const wanted = wantedOwners(set, pod);
  return wanted.set === bySet && wanted.pod === byPod;
}

function hasUnexpectedController(claim: PersistentVolumeClaim, set: StatefulSet, pod: AnyPod): boolean {
  const { whenDeleted, whenScaled } = policyOf(set);
  if (whenDeleted === 'Retain' && whenScaled === 'Retain') return false;
  for (const ref of refsOf(claim)) {
    const named = names(ref, set, appsV1.StatefulSet) ? set : names(ref, pod, coreV1.Pod) ? pod : undefined;
    if (named !== undefined) {
      if (ref.uid !== uidOf(named)) return true;
    } else if (ref.controller === true) {
      return true;
    }
  }
  return false;
}

type Owning = StatefulSet | AnyPod;
const refsOf = (claim: PersistentVolumeClaim) => claim.metadata.ownerReferences ?? [];
const uidOf = (object: Owning) => object.metadata.uid ?? '';
const isOwnedBy = (claim: PersistentVolumeClaim, owner: Owning) =>
  refsOf(claim).some((ref) => ref.uid === uidOf(owner));
const isOneOf = (ref: OwnerReference, set: Owning, pod: Owning) => ref.uid === uidOf(set) || ref.uid === uidOf(pod);

function names(ref: OwnerReference, object: Owning, kind: KindRef<unknown>): boolean {
  return ref.kind === kind.kind && ref.apiVersion === apiVersionOf(kind) && ref.name === object.metadata.name;
}

function hasStaleRef(claim: PersistentVolumeClaim, object: Owning, kind: KindRef<unknown>): boolean {
  const ref = refsOf(claim).find((candidate) => names(candidate, object, kind));
  return ref !== undefined && ref.uid !== uidOf(object);
}
