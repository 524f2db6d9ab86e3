/**
 * Shares of a device: how much of its capacity a request consumes, and whether that much is left.
 * Source: k8s.io/dynamic-resource-allocation/structured/internal/incubating/consumable_capacity.go.
 */
import { Quantity } from '@kapella/api';
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  CapacityRequirements,
  DeviceCapacity,
} from '@kapella/api/types/resource-v1';

/** By the name of the capacity. */
export type Amounts = ReadonlyMap<string, Quantity>;

const NONE: Amounts = new Map();

export function addAmounts(a: Amounts = NONE, b: Amounts = NONE): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, sum.get(name)?.add(amount) ?? amount);
  return sum;
}

/** What a request for the device takes of each of its capacities. */
export function consumedBy(
  asked: CapacityRequirements | undefined,
  capacity: Readonly<Record<string, DeviceCapacity>>,
): Map<string, Quantity> {
  const requests = asked?.requests ?? {};
  const consumed = new Map<string, Quantity>();
  for (const [name, of] of Object.entries(capacity)) {
    const request = Object.hasOwn(requests, name) ? requests[name] : undefined;
    consumed.set(name, request === undefined ? unasked(of) : rounded(Quantity.parse(request), of.requestPolicy));
  }
  return consumed;
}

/** Whether the request may be made of the device and fits beside what is used and what is being given out. */
export function fitsCapacity(
  asked: CapacityRequirements | undefined,
  capacity: Readonly<Record<string, DeviceCapacity>>,
  used: Amounts = NONE,
  underWay: Amounts = NONE,
): boolean {
  if (Object.keys(asked?.requests ?? {}).some((name) => !Object.hasOwn(capacity, name))) return false;
  for (const [name, amount] of consumedBy(asked, capacity)) {
    const { value, requestPolicy } = capacity[name] as DeviceCapacity;
    if (violates(amount, requestPolicy)) return false;
    const total = [used.get(name), underWay.get(name)].reduce<Quantity>(
      (sum, more) => (more === undefined ? sum : sum.add(more)),
      amount,
    );
    if (total.compare(Quantity.parse(value)) > 0) return false;
  }
  return true;
}

/** Who does not ask gets the policy's default, or all of it. */
function unasked({ value, requestPolicy }: DeviceCapacity): Quantity {
  return Quantity.parse(requestPolicy?.default ?? value);
}

/** Up to the next amount that the policy offers. */
function rounded(request: Quantity, policy: CapacityRequestPolicy | undefined): Quantity {
  if (policy?.validRange?.min !== undefined) return roundedInRange(request, policy.validRange);
  const values = policy?.validValues?.map((value) => Quantity.parse(value));
  return values?.find((value) => request.compare(value) <= 0) ?? request;
}

function roundedInRange(request: Quantity, { min, step }: CapacityRequestPolicyRange): Quantity {
  const least = Quantity.parse(min as string);
  if (request.compare(least) < 0) return least;
  if (step === undefined) return request;
  const from = least.scaledValue(0);
  const by = Quantity.parse(step).scaledValue(0);
  const above = request.scaledValue(0) - from;
  const steps = above / by + (above % by === 0n ? 0n : 1n);
  return Quantity.of(from + by * steps, 'BinarySI');
}

function violates(amount: Quantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (policy === undefined) return false;
  if (policy.default !== undefined && amount.equals(Quantity.parse(policy.default))) return false;
  const { validRange, validValues = [] } = policy;
  if (validRange !== undefined) return isOutside(amount, validRange);
  return validValues.length > 0 && !validValues.some((value) => amount.equals(Quantity.parse(value)));
}

function isOutside(amount: Quantity, { min, max, step }: CapacityRequestPolicyRange): boolean {
  if (max !== undefined && amount.compare(Quantity.parse(max)) > 0) return true;
  if (step === undefined) return false;
  const above = amount.scaledValue(0) - Quantity.parse(min ?? 0).scaledValue(0);
  return above % Quantity.parse(step).scaledValue(0) !== 0n;
}
