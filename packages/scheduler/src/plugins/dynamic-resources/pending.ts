/** Claims under way: their devices are taken until the informer shows the claim itself to say so. */
import { keyOf } from '@kapella/api';
import type { AllocationResult, ResourceClaim } from '@kapella/api/types/resource-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';

interface Row {
  readonly claim: ResourceClaim;
  /** Not in the API yet, or only just. */
  readonly isNew: boolean;
}

export class Pending {
  readonly #lookup: ClusterLookup;
  readonly #byUid = new Map<string, Row>();

  constructor(lookup: ClusterLookup) {
    this.#lookup = lookup;
  }

  set(claim: ResourceClaim, allocation: AllocationResult, isNew = false): void {
    const status = { ...claim.status, allocation };
    this.#byUid.set(claim.metadata.uid, { claim: { ...claim, status }, isNew });
  }

  delete({ metadata: { uid } }: ResourceClaim): void {
    this.#byUid.delete(uid);
  }

  has({ metadata: { uid } }: ResourceClaim): boolean {
    return this.#byUid.has(uid);
  }

  /** Forgets those that the informer shows allocated, or gone. */
  claims(): readonly ResourceClaim[] {
    for (const [uid, { claim, isNew }] of this.#byUid) {
      const now = this.#lookup.get('ResourceClaim', keyOf(claim));
      if (now === undefined ? !isNew : now.metadata.uid !== uid || now.status?.allocation !== undefined) {
        this.#byUid.delete(uid);
      }
    }
    return [...this.#byUid.values()].map(({ claim }) => claim);
  }
}
