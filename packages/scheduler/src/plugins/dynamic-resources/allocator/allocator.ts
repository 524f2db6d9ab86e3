/**
 * Devices for claims on one node. Pure.
 * Source: k8s.io/dynamic-resource-allocation/structured/internal/incubating, as the features on by default in 1.36 choose.
 */
import type { Node } from '@kapella/api/types/core-v1';
import type { AllocationResult, DeviceClass, DeviceSelector, ResourceClaim } from '@kapella/api/types/resource-v1';
import type { AllocatedState } from './allocated-state.ts';
import type { DeviceSelectors } from './device-selector.ts';
import { type Pool, poolsOf, type SliceIndex, type UsableDevice } from './pools.ts';
import { AllocationProblem } from './problem.ts';
import { type Choice, claimName, type Part, readRequests } from './requests.ts';
import { resultOf } from './results.ts';
import { Search } from './search.ts';

export interface AllocatorInput {
  readonly slices: SliceIndex;
  readonly classOf: (name: string) => DeviceClass | undefined;
  readonly selectors: DeviceSelectors;
  readonly allocated: AllocatedState;
}

/**
 * One result a claim, or why the node cannot: words of upstream's. Throws AllocationProblem where no node could, or
 * where it cannot be said.
 */
export function allocate(
  claims: readonly ResourceClaim[],
  node: Node,
  input: AllocatorInput,
): readonly AllocationResult[] | string {
  const pools = poolsOf(input.slices, node);
  const matches = new Matches(claims, input);
  const agrees = (claim: number, choice: Choice, device: UsableDevice) => matches.agrees(claim, choice, device);
  const probe = new Search(claims, [], [], agrees, input.allocated);
  const parts: readonly Part[] = readRequests(claims, {
    classOf: input.classOf,
    allFor: (claim, choice, what) =>
      pools.flatMap((pool) =>
        knownDevices(pool, what).filter((device) => agrees(claim, choice, device) && probe.hasRoom(choice, device)),
      ),
  });
  const search = new Search(claims, pools, parts, agrees, input.allocated);
  if (!search.run()) {
    return pools.some(({ isInvalid }) => isInvalid)
      ? 'invalid resource pools were encountered'
      : 'cannot allocate all claims';
  }
  return claims.map((claim, i) => {
    const picked = search.picked.filter((row) => row.claim === i);
    return resultOf(claim, picked, node);
  });
}

/** All of a pool cannot be had while it is not known what all is. */
function knownDevices({ id, devices, isIncomplete, isInvalid }: Pool, what: string): readonly UsableDevice[] {
  const state = isIncomplete ? 'being updated' : isInvalid ? 'invalid' : undefined;
  if (state === undefined) return devices;
  throw new AllocationProblem(`${what}: asks for all devices, but resource pool ${id} is currently ${state}`);
}

/** Class and request asked once for each device. */
class Matches {
  readonly #claims: readonly ResourceClaim[];
  readonly #selectors: DeviceSelectors;
  readonly #known = new Map<Choice, Map<UsableDevice, boolean>>();

  constructor(claims: readonly ResourceClaim[], { selectors }: AllocatorInput) {
    this.#claims = claims;
    this.#selectors = selectors;
  }

  agrees(claim: number, choice: Choice, usable: UsableDevice): boolean {
    const known = this.#known.get(choice) ?? new Map<UsableDevice, boolean>();
    this.#known.set(choice, known);
    let answer = known.get(usable);
    if (answer === undefined) {
      const { spec, metadata } = choice.class;
      answer =
        this.#meets(spec.selectors ?? [], usable, `class ${metadata.name}`) &&
        this.#meets(choice.wanted.selectors ?? [], usable, `claim ${claimName(this.#claims[claim] as ResourceClaim)}`);
      known.set(usable, answer);
    }
    return answer;
  }

  #meets(selectors: readonly DeviceSelector[], { device, driver }: UsableDevice, where: string): boolean {
    return selectors.every(
      ({ cel }, i) =>
        cel === undefined || this.#selectors.matches(cel.expression, device, driver, `${where}: selector #${i}`),
    );
  }
}
