/** What to do for a StatefulSet now, and its status. Pure. Source: kubernetes pkg/controller/statefulset/stateful_set_control.go. */
import type { StatefulSet, StatefulSetStatus } from '@kapella/api/types/apps-v1';
import type { PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import { isAvailable, isReady, isTerminal, isTerminating, type NewPod, nextAvailabilityMs } from '../workload/index.ts';
import { isStale, planClaimOwners } from './claim-owners.ts';
import * as identity from './identity.ts';

export type Action =
  | { readonly type: 'create'; readonly pod: NewPod }
  | { readonly type: 'delete'; readonly pod: Pod }
  /** Makes the claims that a waiting Pod lacks. */
  | { readonly type: 'claims'; readonly pod: Pod }
  /** Puts identity, volumes and the owners of claims right. */
  | { readonly type: 'update'; readonly pod: Pod }
  /** Puts the owners of the claims of a Pod that will go right. */
  | { readonly type: 'owners'; readonly pod: Pod };

export interface Phase {
  /** Groups one after the other, or side by side. Within a group always one after the other. */
  readonly parallel: boolean;
  readonly groups: readonly (readonly Action[])[];
}

export interface StatefulSetInput {
  readonly set: StatefulSet;
  /** The set with the template of its current and of its update revision. */
  readonly currentSet: StatefulSet;
  readonly updateSet: StatefulSet;
  readonly currentRevision: string;
  readonly updateRevision: string;
  readonly collisionCount: number;
  readonly pods: readonly Pod[];
  readonly claimOf: (name: string) => PersistentVolumeClaim | undefined;
  readonly nowMs: number;
}

export interface StatefulSetPlan {
  /** A phase begins only when the one before went well. */
  readonly phases: readonly Phase[];
  readonly status: Required<Omit<StatefulSetStatus, 'conditions'>>;
  /** When the answer changes by time alone. */
  readonly recheckAfterMs: number | undefined;
}

export function planStatefulSet(input: StatefulSetInput): StatefulSetPlan {
  const { set, pods, nowMs } = input;
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  const counted = statusOf(input);
  const { phases, deletedForUpdate, waitsForClaims } =
    set.metadata.deletionTimestamp === undefined ? planPhases(input) : NOTHING;
  const status = complete(set, { ...counted, currentReplicas: counted.currentReplicas - deletedForUpdate });
  const waits = minReadySeconds > 0 && status.readyReplicas !== status.availableReplicas;
  const available = waits ? (nextAvailabilityMs(pods, minReadySeconds, nowMs) ?? minReadySeconds * 1000) : undefined;
  return {
    phases,
    status,
    recheckAfterMs: waitsForClaims ? Math.min(STALE_CLAIM_MS, available ?? STALE_CLAIM_MS) : available,
  };
}

const NOTHING = { phases: [], deletedForUpdate: 0, waitsForClaims: false } as const;

/** No event tells that the claim of an earlier Pod is gone. */
const STALE_CLAIM_MS = 1000;

type Counts = StatefulSetPlan['status'];

function statusOf(input: StatefulSetInput): Counts {
  const { set, pods, currentRevision, updateRevision, nowMs } = input;
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  // A Pod without an ordinal is none of the set's.
  const own = pods.filter((pod) => identity.ordinalOf(pod) >= 0 && isCreated(pod));
  const ready = own.filter((pod) => pod.status?.phase === 'Running' && isReady(pod));
  const staying = own.filter((pod) => !isTerminating(pod));
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: own.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    currentReplicas: staying.filter((pod) => identity.revisionOf(pod) === currentRevision).length,
    updatedReplicas: staying.filter((pod) => identity.revisionOf(pod) === updateRevision).length,
    currentRevision,
    updateRevision,
    collisionCount: input.collisionCount,
  };
}

/** When all replicas are updated and ready, the update revision is the current one. */
function complete(set: StatefulSet, status: Counts): Counts {
  const wanted = identity.replicasOf(set);
  const isRolling = strategyOf(set) === 'RollingUpdate';
  const isDone = [status.updatedReplicas, status.readyReplicas, status.replicas].every((count) => count === wanted);
  if (!isRolling || !isDone) return status;
  return { ...status, currentReplicas: status.updatedReplicas, currentRevision: status.updateRevision };
}

interface Members {
  /** By ordinal from the start; one that does not exist yet where none does. */
  readonly replicas: readonly (Pod | NewPod)[];
  /** To go, highest ordinal first. */
  readonly condemned: readonly Pod[];
}

function planPhases(input: StatefulSetInput): {
  phases: readonly Phase[];
  deletedForUpdate: number;
  waitsForClaims: boolean;
} {
  const { set } = input;
  const members = divide(input);
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  const replicas = walk(members.replicas, (pod) => planReplica(input, pod, !parallel), parallel);
  const phases: Phase[] = [{ parallel, groups: replicas.groups }];
  const waitsForClaims = members.replicas.some((pod) => !isPod(pod) && hasStaleClaim(input, pod));
  const done = (deletedForUpdate = 0) => ({
    phases: phases.filter(({ groups }) => groups.length > 0),
    deletedForUpdate,
    waitsForClaims,
  });
  if (replicas.stopped) return done();

  const owners = members.condemned.filter((pod) => needsOwners(input, pod));
  phases.push({ parallel, groups: owners.map((pod) => [{ type: 'owners', pod }]) });

  const firstUnavailable = findFirstUnavailable(input, members);
  const condemned = walk(members.condemned, (pod) => planCondemned(input, pod, firstUnavailable, !parallel), parallel);
  phases.push({ parallel, groups: condemned.groups });
  if (condemned.stopped || strategyOf(set) === 'OnDelete') return done();

  const outdated = planUpdate(input, members.replicas);
  phases.push({ parallel: false, groups: outdated.map((pod) => [{ type: 'delete', pod }]) });
  return done(outdated.length);
}

interface Step {
  readonly actions: readonly Action[];
  /** In order, nothing after this one may begin. */
  readonly stop: boolean;
}

function walk<T>(pods: readonly T[], plan: (pod: T) => Step, parallel: boolean) {
  const groups: (readonly Action[])[] = [];
  for (const pod of pods) {
    const { actions, stop } = plan(pod);
    if (actions.length > 0) groups.push(actions);
    if (stop && !parallel) return { groups, stopped: true };
  }
  return { groups, stopped: false };
}

function divide(input: StatefulSetInput): Members {
  const { set, pods } = input;
  const byOrdinal = new Map<number, Pod>();
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = identity.ordinalOf(pod);
    if (identity.isInRange(set, ordinal)) byOrdinal.set(ordinal, pod);
    else if (ordinal >= 0) condemned.push(pod);
  }
  const start = identity.startOf(set);
  const replicas = Array.from(
    { length: identity.replicasOf(set) },
    (_, i) => byOrdinal.get(start + i) ?? newPod(input, start + i),
  );
  return { replicas, condemned: condemned.toSorted((a, b) => identity.ordinalOf(b) - identity.ordinalOf(a)) };
}

/** Below the partition, or, without one, among those not yet updated, a Pod comes back as it was. */
function newPod(input: StatefulSetInput, ordinal: number): NewPod {
  const { set, currentSet, updateSet, currentRevision, updateRevision } = input;
  const { rollingUpdate } = set.spec.updateStrategy ?? {};
  const unpartitioned = strategyOf(set) === 'RollingUpdate' ? (set.status?.currentReplicas ?? 0) : 0;
  const oldCount = rollingUpdate === undefined ? unpartitioned : (rollingUpdate.partition ?? 0);
  const isOld = ordinal < identity.startOf(set) + oldCount;
  return isOld
    ? identity.newStatefulPod(currentSet, ordinal, currentRevision)
    : identity.newStatefulPod(updateSet, ordinal, updateRevision);
}

function planReplica(input: StatefulSetInput, pod: Pod | NewPod, ordered: boolean): Step {
  const { set } = input;
  if (!isPod(pod)) return planCreation(input, pod);
  if (isTerminal(pod)) return { actions: isTerminating(pod) ? [] : [{ type: 'delete', pod }], stop: true };
  const actions: Action[] = [];
  if (pod.status?.phase === 'Pending' && lacksClaims(input, pod)) actions.push({ type: 'claims', pod });
  const isWaitedFor = isTerminating(pod) || !isRunningAndReady(pod) || isUnavailable(input, pod);
  if (ordered && isWaitedFor) return { actions, stop: true };
  const matches = identity.identityMatches(set, pod) && identity.storageMatches(set, pod) && !needsOwners(input, pod);
  if (!matches) actions.push({ type: 'update', pod });
  return { actions, stop: false };
}

function planCreation(input: StatefulSetInput, pod: NewPod): Step {
  return { actions: hasStaleClaim(input, pod) ? [] : [{ type: 'create', pod }], stop: true };
}

function hasStaleClaim({ set, claimOf }: StatefulSetInput, pod: NewPod): boolean {
  const claims = identity.claimsOf(set, identity.ordinalOf(pod)).map((claim) => claimOf(claim.metadata.name));
  return claims.some((claim) => claim !== undefined && isStale(claim, set, pod));
}

function lacksClaims({ set, claimOf }: StatefulSetInput, pod: Pod): boolean {
  const claims = identity.claimsOf(set, identity.ordinalOf(pod)).map((claim) => claimOf(claim.metadata.name));
  return claims.some((claim) => claim === undefined || claim.metadata.deletionTimestamp !== undefined);
}

function needsOwners({ updateSet, claimOf }: StatefulSetInput, pod: Pod): boolean {
  return identity.claimsOf(updateSet, identity.ordinalOf(pod)).some(({ metadata }) => {
    const claim = claimOf(metadata.name);
    return claim !== undefined && planClaimOwners(claim, updateSet, pod).ownerReferences !== undefined;
  });
}

function planCondemned(
  input: StatefulSetInput,
  pod: Pod,
  firstUnavailable: Pod | NewPod | undefined,
  ordered: boolean,
): Step {
  if (isTerminating(pod)) return { actions: [], stop: ordered };
  // One that is not available is waited for, unless it is the first of them: then nothing would ever move.
  const isWaitedFor = (!isRunningAndReady(pod) || isUnavailable(input, pod)) && pod !== firstUnavailable;
  if (ordered && isWaitedFor) return { actions: [], stop: true };
  return { actions: [{ type: 'delete', pod }], stop: true };
}

function findFirstUnavailable(input: StatefulSetInput, { replicas, condemned }: Members): Pod | NewPod | undefined {
  const lowestFirst = [...replicas, ...condemned.toReversed()];
  return lowestFirst.find((pod) => !isPod(pod) || isUnavailable(input, pod));
}

/** The Pod of another revision to delete next. `maxUnavailable` is for a gate of upstream's that is off in 1.36. */
function planUpdate(input: StatefulSetInput, replicas: readonly (Pod | NewPod)[]): Pod[] {
  const { set, updateRevision } = input;
  const { partition = 0 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const isGone = (pod: Pod | NewPod) => !isPod(pod) || isUnavailable(input, pod);
  const isOutdated = (pod: Pod | NewPod): pod is Pod =>
    isPod(pod) && identity.revisionOf(pod) !== updateRevision && !isTerminating(pod);
  const candidates = replicas.slice(Math.min(partition, replicas.length)).toReversed();
  const first = candidates.find((pod) => isOutdated(pod) || isGone(pod));
  return first !== undefined && isOutdated(first) ? [first] : [];
}

const strategyOf = (set: StatefulSet) => set.spec.updateStrategy?.type ?? 'RollingUpdate';
/** An object of the server has a version, a new one none. */
const isPod = (pod: Pod | NewPod): pod is Pod => pod.metadata.uid !== undefined;
const isCreated = (pod: Pod) => (pod.status?.phase ?? '') !== '';
const isRunningAndReady = (pod: Pod) => pod.status?.phase === 'Running' && isReady(pod);

function isUnavailable({ set, nowMs }: StatefulSetInput, pod: Pod): boolean {
  return isTerminating(pod) || !isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}
