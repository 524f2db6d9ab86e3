/** What claims hold already. Source: kubernetes …/plugins/dynamicresources/allocateddevices.go. */
import { Quantity } from '@kapella/api';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import { addAmounts } from './capacity.ts';

export interface AllocatedState {
  /** Ids of devices that one claim has for itself. */
  readonly devices: ReadonlySet<string>;
  /** Ids of devices of which claims hold shares, with the sum of what they consume. */
  readonly shared: ReadonlyMap<string, ReadonlyMap<string, Quantity>>;
}

export const NOTHING_ALLOCATED: AllocatedState = { devices: new Set(), shared: new Map() };

export function deviceId(driver: string, pool: string, device: string): string {
  return `${driver}/${pool}/${device}`;
}

/** What is held for administration takes nothing from others. */
export function allocatedStateOf(claims: Iterable<ResourceClaim>): AllocatedState {
  const devices = new Set<string>();
  const shared = new Map<string, Map<string, Quantity>>();
  for (const { status } of claims) {
    for (const result of status?.allocation?.devices?.results ?? []) {
      if (result.adminAccess === true) continue;
      const id = deviceId(result.driver, result.pool, result.device);
      if (result.shareID === undefined) devices.add(id);
      else shared.set(id, addAmounts(shared.get(id), quantitiesOf(result.consumedCapacity)));
    }
  }
  return { devices, shared };
}

function quantitiesOf(amounts: Readonly<Record<string, string | number>> = {}): ReadonlyMap<string, Quantity> {
  return new Map(Object.entries(amounts).map(([name, amount]) => [name, Quantity.parse(amount)]));
}
