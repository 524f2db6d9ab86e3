/** Claims from templates, and claims that nobody uses any more. Source: kubernetes pkg/controller/resourceclaim. */
import { coreV1, keyOf, type NewObject, resourceV1 } from '@kapella/api';
import type { Pod, PodResourceClaim } from '@kapella/api/types/core-v1';
import type { ResourceClaim, ResourceClaimTemplate } from '@kapella/api/types/resource-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  controllerRef,
  defineController,
  isControlledBy,
} from '@kapella/controller';

export const FINALIZER = 'resource.kubernetes.io/delete-protection';
const CLAIM_ANNOTATION = 'resource.kubernetes.io/pod-claim-name';
/** Room for a hyphen and five random characters in a name of 63. */
const BASE_LENGTH_MAX = 57;
/** Keys of Pods among those of claims. */
const POD = 'pod:';

/** A Pod that has ended, or that will never run, uses nothing. */
export function isDone(pod: Pod): boolean {
  const hasEnded = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return hasEnded || (pod.metadata.deletionTimestamp !== undefined && !pod.spec.nodeName);
}

/** Pure: the claim that the template makes for the Pod. */
export function claimFor(
  pod: Pod,
  { name }: PodResourceClaim,
  { spec }: ResourceClaimTemplate,
): NewObject<ResourceClaim> {
  const { labels, annotations } = spec.metadata ?? {};
  const { namespace } = pod.metadata;
  return {
    metadata: {
      generateName: baseName(pod.metadata.name, name),
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      annotations: { ...annotations, [CLAIM_ANNOTATION]: name },
      ownerReferences: [{ ...controllerRef(coreV1.Pod, pod), blockOwnerDeletion: true }],
    },
    spec: spec.spec,
  } as NewObject<ResourceClaim>;
}

function baseName(pod: string, claim: string): string {
  const whole = `${pod}-${claim}-`;
  if (whole.length <= BASE_LENGTH_MAX) return whole;
  const share = (text: string) => text.slice(0, Math.floor((text.length * BASE_LENGTH_MAX) / whole.length));
  return `${share(pod)}-${share(claim)}`;
}

export interface ClaimPlan {
  /** The status to write; undefined: it stands right. */
  readonly status?: ResourceClaim['status'];
  readonly dropsFinalizer: boolean;
  readonly deletes: boolean;
}

/** Pure. `podOf` answers the Pod of a name as it is now. */
export function planClaim(claim: ResourceClaim, podOf: (name: string) => Pod | undefined): ClaimPlan {
  const { reservedFor = [], allocation } = claim.status ?? {};
  const { finalizers = [], deletionTimestamp, ownerReferences = [] } = claim.metadata;
  const left = reservedFor.filter(({ apiGroup = '', resource, name, uid }) => {
    if (apiGroup !== '' || resource !== 'pods') return true;
    const pod = podOf(name);
    return pod !== undefined && pod.metadata.uid === uid && !isDone(pod);
  });
  const isOurs = finalizers.includes(FINALIZER);
  const gaveUp = left.length < reservedFor.length;
  const isFree = left.length === 0 && (gaveUp || deletionTimestamp !== undefined);
  const deallocates = isOurs && isFree && allocation !== undefined;
  const { allocation: _a, devices: _d, ...rest } = claim.status ?? {};
  const status = deallocates ? { ...rest, reservedFor: left } : { ...claim.status, reservedFor: left };
  const owner = ownerReferences.find(({ controller, kind }) => controller === true && kind === 'Pod');
  const pod = owner === undefined ? undefined : podOf(owner.name);
  const isUseless = pod !== undefined && (pod.metadata.uid !== owner?.uid || isDone(pod));
  return {
    ...(gaveUp || deallocates ? { status } : {}),
    dropsFinalizer: isOurs && isFree,
    deletes: left.length === 0 && isUseless && deletionTimestamp === undefined,
  };
}

export function createResourceClaimController(deps: ControllerDeps): Controller {
  const { cache, events } = deps;
  return defineController({
    name: 'resourceclaim-controller',
    primary: resourceV1.ResourceClaim,
    watches: [
      { kind: coreV1.Pod, keysOf: (pod: Pod, _old, deleted) => podKeys(pod, deleted, cache) },
      // A Pod that waits for its template.
      {
        kind: resourceV1.ResourceClaimTemplate,
        keysOf: ({ metadata }: ResourceClaimTemplate) =>
          cache
            .list(coreV1.Pod, metadata.namespace)
            .filter(({ spec }) => spec.resourceClaims?.some((c) => c.resourceClaimTemplateName === metadata.name))
            .map((pod) => `${POD}${keyOf(pod)}`),
      },
    ],
    async reconcile(key, ctx) {
      if (!key.startsWith(POD)) {
        await syncClaim(deps, key, ctx);
        return {};
      }
      const pod = cache.get(coreV1.Pod, key.slice(POD.length));
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || isDone(pod)) return {};
      try {
        await syncPod(deps, pod, ctx);
      } catch (error) {
        events.event(pod, 'Warning', 'FailedResourceClaimCreation', describeError(error));
        throw error;
      }
      return {};
    },
  });
}

/** Of a Pod that is over, the claims that it used and those that were made for it. */
function podKeys(pod: Pod, deleted: boolean, cache: ControllerDeps['cache']): string[] {
  const { resourceClaims = [] } = pod.spec;
  if (resourceClaims.length === 0) return [];
  if (!deleted && !isDone(pod)) return [`${POD}${keyOf(pod)}`];
  const named = resourceClaims.map(({ resourceClaimName }) => resourceClaimName).filter((name) => name !== undefined);
  const made = cache.ownedBy(resourceV1.ResourceClaim, pod.metadata.uid).map(({ metadata }) => metadata.name);
  return [...named, ...made].map((name) => `${pod.metadata.namespace}/${name}`);
}

async function syncPod({ cache, client }: ControllerDeps, pod: Pod, ctx: Ctx): Promise<void> {
  const { namespace } = pod.metadata;
  const made: { name: string; resourceClaimName: string }[] = [];
  for (const reference of pod.spec.resourceClaims ?? []) {
    const { name, resourceClaimTemplateName } = reference;
    if (resourceClaimTemplateName === undefined) continue;
    const known = pod.status?.resourceClaimStatuses?.find((status) => status.name === name)?.resourceClaimName;
    if (known !== undefined && (await isThere(client, namespace, known, pod, ctx))) continue;
    // One that was made, before its name could be written on the Pod.
    const own = cache
      .ownedBy(resourceV1.ResourceClaim, pod.metadata.uid)
      .find(({ metadata }) => metadata.annotations?.[CLAIM_ANNOTATION] === name && !metadata.deletionTimestamp);
    const claim = own ?? (await makeClaim({ cache, client }, pod, reference, ctx));
    made.push({ name, resourceClaimName: claim.metadata.name });
  }
  if (made.length === 0) return;
  const others = (pod.status?.resourceClaimStatuses ?? []).filter(({ name }) => !made.some((m) => m.name === name));
  const body = { metadata: { uid: pod.metadata.uid }, status: { resourceClaimStatuses: [...others, ...made] } };
  await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
}

async function isThere(
  client: ControllerDeps['client'],
  namespace: string | undefined,
  name: string,
  pod: Pod,
  ctx: Ctx,
): Promise<boolean> {
  const where = namespace === undefined ? { name } : { namespace, name };
  const claim = await client.get(resourceV1.ResourceClaim, where, ctx);
  return claim !== undefined && isControlledBy(claim, pod);
}

async function makeClaim(
  { cache, client }: Pick<ControllerDeps, 'cache' | 'client'>,
  pod: Pod,
  reference: PodResourceClaim,
  ctx: Ctx,
): Promise<ResourceClaim> {
  const template = cache.get(
    resourceV1.ResourceClaimTemplate,
    `${pod.metadata.namespace}/${reference.resourceClaimTemplateName}`,
  );
  if (template === undefined) {
    const name = reference.resourceClaimTemplateName;
    throw new Error(`resource claim template "${name}": resourceclaimtemplate.resource.k8s.io "${name}" not found`);
  }
  return client.create(resourceV1.ResourceClaim, claimFor(pod, reference, template), ctx);
}

async function syncClaim({ cache, client }: ControllerDeps, key: string, ctx: Ctx): Promise<void> {
  let claim = cache.get(resourceV1.ResourceClaim, key);
  if (claim === undefined) return;
  const { namespace } = claim.metadata;
  const plan = planClaim(claim, (name) => cache.get(coreV1.Pod, `${namespace}/${name}`));
  if (plan.status !== undefined) {
    const next = { ...claim, status: plan.status };
    claim = await client.update(resourceV1.ResourceClaim, next, ctx, { subresource: 'status' });
  }
  if (plan.dropsFinalizer) {
    const finalizers = (claim.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
    claim = await client.update(
      resourceV1.ResourceClaim,
      { ...claim, metadata: { ...claim.metadata, finalizers } },
      ctx,
    );
  }
  if (!plan.deletes) return;
  await client.delete(resourceV1.ResourceClaim, claim, ctx, { uid: claim.metadata.uid }).catch((error) => {
    if (!isReason(error, 'NotFound')) throw error;
  });
}
