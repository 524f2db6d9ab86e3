/**
 * What claims ask for, request by request, checked before the search.
 * Source: …/structured/internal/incubating/allocator_incubating.go validateDeviceRequest.
 */
import type { DeviceClass, ExactDeviceRequest, ResourceClaim } from '@kapella/api/types/resource-v1';
import type { UsableDevice } from './pools.ts';
import { AllocationProblem } from './problem.ts';

/** Devices of one claim. Source: resource.k8s.io/v1 AllocationResultsMaxSize. */
export const DEVICES_MAX = 32;

/** One way to answer a request: the request itself, or one of its alternatives. */
export interface Choice {
  /** `request` or `request/alternative`. */
  readonly name: string;
  /** The alternative's alone, in upstream's words of what is wrong. */
  readonly shortName: string;
  readonly wanted: ExactDeviceRequest;
  readonly class: DeviceClass;
  readonly count: number;
  /** All that match, when all are wanted. */
  readonly all: readonly UsableDevice[] | undefined;
}

export interface Part {
  /** Index of the claim. */
  readonly claim: number;
  readonly request: string;
  /** In order of preference. */
  readonly choices: readonly Choice[];
}

export interface RequestReader {
  classOf(name: string): DeviceClass | undefined;
  /** Every device of the node that the choice agrees to and that has room for it. Throws AllocationProblem. */
  allFor(claim: number, choice: Choice, what: string): readonly UsableDevice[];
}

/** Throws AllocationProblem. */
export function readRequests(claims: readonly ResourceClaim[], reader: RequestReader): Part[] {
  return claims.flatMap((claim, index) => {
    const own = claimName(claim);
    const parts = (claim.spec.devices?.requests ?? []).map(({ name, exactly, firstAvailable = [] }): Part => {
      const choices =
        firstAvailable.length > 0
          ? firstAvailable.map((wanted) =>
              readChoice(index, own, `${name}/${wanted.name}`, wanted.name, wanted, reader),
            )
          : exactly === undefined
            ? []
            : [readChoice(index, own, name, name, exactly, reader)];
      return { claim: index, request: name, choices };
    });
    const least = parts.reduce((sum, { choices }) => sum + Math.min(...choices.map(({ count }) => count)), 0);
    if (least > DEVICES_MAX) {
      const limit = `number of requested devices ${least} exceeds the claim limit of ${DEVICES_MAX}`;
      throw new AllocationProblem(`claim ${own}: ${limit}`);
    }
    for (const [i, { matchAttribute, distinctAttribute }] of (claim.spec.devices?.constraints ?? []).entries()) {
      if (matchAttribute !== undefined || distinctAttribute !== undefined) continue;
      throw new AllocationProblem(`claim ${own}, constraint #${i}: empty constraint (unsupported constraint type?)`);
    }
    return parts;
  });
}

/** `namespace/name`, as upstream's words name a claim. */
export function claimName({ metadata: { namespace, name } }: ResourceClaim): string {
  return namespace ? `${namespace}/${name}` : name;
}

function readChoice(
  claim: number,
  own: string,
  name: string,
  shortName: string,
  wanted: ExactDeviceRequest,
  reader: RequestReader,
): Choice {
  const what = `claim ${own}, request ${shortName}`;
  for (const [i, { cel }] of (wanted.selectors ?? []).entries()) {
    if (cel !== undefined) continue;
    throw new AllocationProblem(`${what}, selector #${i}: CEL expression empty (unsupported selector type?)`);
  }
  const { deviceClassName, allocationMode = 'ExactCount' } = wanted;
  if (!deviceClassName) {
    throw new AllocationProblem(`${what}: missing device class name (unsupported request type?)`);
  }
  const deviceClass = reader.classOf(deviceClassName);
  if (deviceClass === undefined) {
    throw new AllocationProblem(`${what}: could not retrieve device class ${deviceClassName}: not found`);
  }
  const choice = { name, shortName, wanted, class: deviceClass, all: undefined };
  if (allocationMode === 'ExactCount') return { ...choice, count: wanted.count ?? 1 };
  if (allocationMode !== 'All') throw new AllocationProblem(`${what}: unsupported count mode ${allocationMode}`);
  const all = reader.allFor(claim, { ...choice, count: 0 }, what);
  return { ...choice, count: all.length, all };
}
