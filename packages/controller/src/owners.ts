/** Owner references. Source: apimachinery/pkg/apis/meta/v1/controller_ref.go. */
import { apiVersionOf, type KindRef, type OwnerReference } from '@kapella/api';

interface Owned {
  readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] };
}

/** The one reference that manages the object. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

export function isControlledBy(object: Owned, owner: { readonly metadata: { readonly uid: string } }): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** What a controller writes into the objects it makes. */
export function controllerRef(
  kind: KindRef<unknown>,
  owner: { readonly metadata: { readonly name: string; readonly uid: string } },
): OwnerReference {
  const { name, uid } = owner.metadata;
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whether the reference names an object of this kind: the version does not matter. */
export function refersTo(reference: OwnerReference, kind: KindRef<unknown>): boolean {
  const slash = reference.apiVersion.indexOf('/');
  return reference.kind === kind.kind && (slash < 0 ? '' : reference.apiVersion.slice(0, slash)) === kind.group;
}
