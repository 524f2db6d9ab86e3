/** Claims of Pods and what their drivers have prepared for them. */
import type { Pod } from '@kapella/api/types/core-v1';

export interface ClaimName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface PreparedDevice {
  /** Empty = of every request of the claim. */
  readonly requestNames: readonly string[];
  readonly poolName: string;
  readonly deviceName: string;
  readonly cdiDeviceIds: readonly string[];
}

export interface PreparedClaim extends ClaimName {
  readonly podUids: readonly string[];
  /** By driver. */
  readonly devices: Readonly<Record<string, readonly PreparedDevice[]>>;
}

/** A claim from a template has its name in the status, or none when it is not needed. */
export function claimsOfPod({ spec, status }: Pod) {
  return (spec.resourceClaims ?? []).map(({ name, resourceClaimName }) => {
    const made = status?.resourceClaimStatuses?.find((one) => one.name === name)?.resourceClaimName;
    return { name, claimName: resourceClaimName ?? made ?? undefined };
  });
}

/** A device of `gpu/large` serves the request `gpu`, whose first available alternative it was. */
export const isOfRequest = ({ requestNames }: PreparedDevice, request: string): boolean =>
  request === '' || requestNames.length === 0 || requestNames.some((name) => name.split('/', 1)[0] === request);
