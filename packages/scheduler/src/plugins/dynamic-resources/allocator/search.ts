/**
 * The first set of devices, in order of pools, that answers all requests and constraints of all claims.
 * Source: k8s.io/dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go allocateOne.
 */
import type { Quantity } from '@kapella/api';
import type { DeviceTaint, DeviceToleration, ResourceClaim } from '@kapella/api/types/resource-v1';
import type { AllocatedState } from './allocated-state.ts';
import { addAmounts, consumedBy, fitsCapacity } from './capacity.ts';
import { Constraints } from './constraints.ts';
import { Counters } from './counters.ts';
import type { Pool, UsableDevice } from './pools.ts';
import { AllocationProblem } from './problem.ts';
import { type Choice, claimName, DEVICES_MAX, type Part } from './requests.ts';

/** Steps of the search on one node: what takes longer is given up, as upstream does after `filterTimeout`. */
const STEPS_MAX = 200_000;

/** Class and request agree to the device. Throws AllocationProblem. */
export type Agrees = (claim: number, choice: Choice, device: UsableDevice) => boolean;

/** What has been picked so far, in order. */
export interface Picked {
  readonly claim: number;
  readonly part: Part;
  readonly choice: Choice;
  readonly device: UsableDevice;
  /** Of a device that several claims may hold a share of. */
  readonly consumed: ReadonlyMap<string, Quantity> | undefined;
  readonly tookCounters: boolean;
}

/** `full`: the claim would hold more devices than it may. */
type Outcome = 'done' | 'none' | 'full';

export class Search {
  readonly picked: Picked[] = [];
  readonly #claims: readonly ResourceClaim[];
  readonly #devices: readonly UsableDevice[];
  readonly #parts: readonly Part[];
  readonly #agrees: Agrees;
  readonly #state: AllocatedState;
  /** Claims by the device that they hold alone. */
  readonly #held = new Map<string, Set<number>>();
  readonly #shares = new Map<string, { count: number; consumed: ReadonlyMap<string, Quantity> }>();
  readonly #counts: number[];
  readonly #constraints: readonly Constraints[];
  readonly #counters: Counters;
  #steps = 0;

  constructor(
    claims: readonly ResourceClaim[],
    pools: readonly Pool[],
    parts: readonly Part[],
    agrees: Agrees,
    state: AllocatedState,
  ) {
    this.#claims = claims;
    this.#devices = pools.flatMap(({ devices }) => devices);
    this.#parts = parts;
    this.#agrees = agrees;
    this.#state = state;
    this.#counts = claims.map(() => 0);
    this.#constraints = claims.map(({ spec }) => new Constraints(spec.devices?.constraints ?? []));
    this.#counters = new Counters(state);
  }

  /** Throws AllocationProblem. */
  run(): boolean {
    const outcome = this.#from(0);
    if (outcome === 'full') throw new AllocationProblem('allocation max size exceeded');
    return outcome === 'done';
  }

  hasRoom({ wanted }: Choice, { id, device }: UsableDevice): boolean {
    const used = this.#state.shared.get(id);
    return fitsCapacity(wanted.capacity, device.capacity ?? {}, used, this.#shares.get(id)?.consumed);
  }

  /** This part and all after it. */
  #from(at: number): Outcome {
    const part = this.#parts[at];
    if (part === undefined) return 'done';
    const isNextClaim = at > 0 && this.#parts[at - 1]?.claim !== part.claim;
    const outcome = part.choices.length === 1 && !isAlternative(part) ? this.#exactly(at, part) : this.#first(at, part);
    // Other devices for the claims before may leave this one with fewer.
    return isNextClaim && outcome === 'full' ? 'none' : outcome;
  }

  #exactly(at: number, part: Part): Outcome {
    return this.#take(at, part, part.choices[0] as Choice, 0, 0);
  }

  #first(at: number, part: Part): Outcome {
    let areAllFull = true;
    for (const choice of part.choices) {
      const outcome = this.#take(at, part, choice, 0, 0);
      if (outcome === 'done') return outcome;
      if (outcome === 'none') areAllFull = false;
    }
    return areAllFull ? 'full' : 'none';
  }

  /** The choice has `count` devices; those from place `from` on are tried for the next. */
  #take(at: number, part: Part, choice: Choice, count: number, from: number): Outcome {
    if (++this.#steps > STEPS_MAX) throw new AllocationProblem('timed out trying to allocate devices');
    if (choice.all?.length === 0) return 'none';
    if (count >= choice.count) return this.#from(at + 1);
    if ((this.#counts[part.claim] as number) + choice.count - count > DEVICES_MAX) return 'full';
    if (choice.all !== undefined) return this.#takeThis(at, part, choice, count, choice.all[count] as UsableDevice, 0);
    const devices = this.#devices;
    for (let i = from; i < devices.length; i++) {
      const device = devices[i] as UsableDevice;
      if (!this.#isFree(part, choice, device) || !this.#agrees(part.claim, choice, device)) continue;
      if (!this.hasRoom(choice, device)) continue;
      const outcome = this.#takeThis(at, part, choice, count, device, i + 1);
      if (outcome !== 'none') return outcome;
    }
    return 'none';
  }

  #takeThis(at: number, part: Part, choice: Choice, count: number, device: UsableDevice, next: number): Outcome {
    if (!this.#pick(part, choice, device)) return 'none';
    const outcome = this.#take(at, part, choice, count + 1, next);
    if (outcome !== 'done') this.#unpick();
    return outcome;
  }

  #isFree({ claim }: Part, { wanted }: Choice, { id }: UsableDevice): boolean {
    const holders = this.#held.get(id);
    // Administration takes nothing away, but holds a device once.
    if (wanted.adminAccess === true) return holders?.has(claim) !== true;
    return !this.#state.devices.has(id) && (holders === undefined || holders.size === 0);
  }

  #pick(part: Part, choice: Choice, usable: UsableDevice): boolean {
    const { claim } = part;
    const { device, id, pool } = usable;
    if (!this.#mayPick(part, choice, usable)) return false;
    const isShared = device.allowMultipleAllocations === true;
    // Of a device in shares the counters are taken once.
    const isInUse = isShared && (this.#state.shared.has(id) || this.#shares.has(id));
    const needsCounters = device.consumesCounters !== undefined && !isInUse;
    if (needsCounters && !this.#counters.take(device, pool)) return false;
    if (this.#constraints[claim]?.allows(choice.name, usable) === false || !this.hasRoom(choice, usable)) {
      if (needsCounters) this.#counters.giveBack(device, pool);
      this.#failOnAll(claim, choice, usable);
      return false;
    }
    const consumed = isShared ? consumedBy(choice.wanted.capacity, device.capacity ?? {}) : undefined;
    this.#constraints[claim]?.add(choice.name, usable);
    this.#hold(id, claim, consumed);
    this.#counts[claim] = (this.#counts[claim] as number) + 1;
    this.picked.push({ claim, part, choice, device: usable, consumed, tookCounters: needsCounters });
    return true;
  }

  #mayPick(part: Part, choice: Choice, usable: UsableDevice): boolean {
    const { adminAccess, tolerations = [] } = choice.wanted;
    const { allowMultipleAllocations, taints = [] } = usable.device;
    const isShareForAdmin = adminAccess === true && allowMultipleAllocations === true;
    return (isShareForAdmin || this.#isFree(part, choice, usable)) && !preventsAllocation(taints, tolerations);
  }

  #unpick(): void {
    const last = this.picked.pop();
    if (last === undefined) return;
    const { claim, choice, device, consumed, tookCounters } = last;
    this.#counts[claim] = (this.#counts[claim] as number) - 1;
    this.#release(device.id, claim, consumed);
    this.#constraints[claim]?.remove(choice.name, device);
    if (tookCounters) this.#counters.giveBack(device.device, device.pool);
  }

  #hold(id: string, claim: number, consumed: ReadonlyMap<string, Quantity> | undefined): void {
    if (consumed === undefined) {
      this.#held.set(id, (this.#held.get(id) ?? new Set()).add(claim));
      return;
    }
    const { count = 0, consumed: before } = this.#shares.get(id) ?? {};
    this.#shares.set(id, { count: count + 1, consumed: addAmounts(before, consumed) });
  }

  #release(id: string, claim: number, consumed: ReadonlyMap<string, Quantity> | undefined): void {
    if (consumed === undefined) {
      this.#held.get(id)?.delete(claim);
      return;
    }
    const { count = 0, consumed: before } = this.#shares.get(id) ?? {};
    if (count <= 1) this.#shares.delete(id);
    else {
      const less = new Map([...consumed].map(([name, amount]) => [name, amount.negate()]));
      this.#shares.set(id, { count: count - 1, consumed: addAmounts(before, less) });
    }
  }

  /** Who wants all devices must get them: no other choice of devices will do. */
  #failOnAll(claim: number, choice: Choice, usable: UsableDevice): void {
    if (choice.all === undefined || this.#constraints[claim]?.allows(choice.name, usable) !== false) return;
    const own = claimName(this.#claims[claim] as ResourceClaim);
    const why = `cannot add device ${usable.id} because a claim constraint would not be satisfied`;
    throw new AllocationProblem(`claim ${own}, request ${choice.shortName}: ${why}`);
  }
}

function isAlternative({ request, choices }: Part): boolean {
  return choices[0]?.name !== request;
}

function preventsAllocation(taints: readonly DeviceTaint[], tolerations: readonly DeviceToleration[]): boolean {
  return taints.some(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** Source: k8s.io/dynamic-resource-allocation/resourceclaim ToleratesTaint. */
function tolerates({ key, operator, value = '', effect }: DeviceToleration, taint: DeviceTaint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator ?? 'Equal') === 'Equal' && value === (taint.value ?? '');
}
