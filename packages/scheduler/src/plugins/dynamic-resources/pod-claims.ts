/** The resource claims of a Pod. Source: k8s.io/dynamic-resource-allocation/resourceclaim/resourceclaim.go. */
import type { Pod, PodResourceClaim } from '@kapella/api/types/core-v1';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';

/** Others may use an allocated claim too, up to this many. Source: resource.k8s.io/v1 ResourceClaimReservedForMaxSize. */
const RESERVED_FOR_MAX = 256;

/** The claims, or why the Pod cannot have them. */
export function podResourceClaims(pod: Pod, lookup: ClusterLookup): readonly ResourceClaim[] | string {
  const claims: ResourceClaim[] = [];
  for (const reference of pod.spec.resourceClaims ?? []) {
    const name = claimNameOf(pod, reference);
    if (typeof name === 'object') return name.why;
    if (name === undefined) continue; // the template makes none for this Pod
    const claim = lookup.get('ResourceClaim', `${pod.metadata.namespace}/${name}`);
    if (claim === undefined) return `resourceclaim.resource.k8s.io "${name}" not found`;
    const why = whyUnusable(claim, pod, reference.resourceClaimName === undefined);
    if (why !== undefined) return why;
    claims.push(claim);
  }
  return claims;
}

function claimNameOf(pod: Pod, reference: PodResourceClaim): string | undefined | { readonly why: string } {
  const { name, resourceClaimName, resourceClaimTemplateName } = reference;
  if (resourceClaimName !== undefined) return resourceClaimName;
  const who = `pod "${pod.metadata.namespace}/${pod.metadata.name}"`;
  if (resourceClaimTemplateName === undefined) {
    return { why: `${who}, spec.resourceClaim ${JSON.stringify(name)}: none of the supported fields are set` };
  }
  const made = pod.status?.resourceClaimStatuses?.find((status) => status.name === name);
  return made === undefined ? { why: `${who}: ResourceClaim not created yet` } : made.resourceClaimName;
}

function whyUnusable({ metadata }: ResourceClaim, pod: Pod, mustBeOwned: boolean): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return `resourceclaim "${metadata.name}" is being deleted`;
  const { namespace, name, uid } = pod.metadata;
  const isOwned = metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) === true;
  if (!mustBeOwned || isOwned) return undefined;
  return `ResourceClaim ${namespace}/${metadata.name} was not created for Pod ${namespace}/${name} (Pod is not owner)`;
}

export function isReservedFor({ status }: ResourceClaim, pod: Pod): boolean {
  return status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) === true;
}

export function canBeReserved({ status }: ResourceClaim): boolean {
  return (status?.reservedFor?.length ?? 0) < RESERVED_FOR_MAX;
}
